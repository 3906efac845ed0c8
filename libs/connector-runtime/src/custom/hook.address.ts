import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';

/** What no hook can be at unless its settings allow it: networks of machines, of sites, of providers, and what is no machine. */
const NOT_PUBLIC_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
];
/** Of IPv6 only what is routed everywhere is public, without what stands for other addresses (Teredo, 6to4) or for none. */
const ROUTED_V6 = ['2000::/3'];
const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

/** Reads networks (`10.1.0.0/16`, `fd00::/8`); throws where one is none. */
export function networks(names: readonly string[]): BlockList {
  const list = new BlockList();
  for (const name of names) {
    const [, address = '', bits = ''] = /^([\da-fA-F.:]+)\/(\d{1,3})$/.exec(name) ?? [];
    const version = isIP(address);
    if (version === 0 || Number(bits) > (version === 4 ? 32 : 128))
      throw new Error('must be networks like 10.1.0.0/16');
    list.addSubnet(address, Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

const notPublicV4 = networks(NOT_PUBLIC_V4);
const routedV6 = networks(ROUTED_V6);
const notPublicV6 = networks(NOT_PUBLIC_V6);

/** Where a hook may be. */
export interface Reach {
  readonly url: URL;
  /** Networks that are allowed although they are not public, or although the connection is not encrypted. */
  readonly allow: BlockList;
}

/** Whether a hook may be at an address: at a public one over https, at any that its settings allow. */
export function isReachable(address: string, { url, allow }: Reach): boolean {
  if (allow.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')) return true;
  if (url.protocol !== 'https:') return false;
  if (isIPv4(address)) return !notPublicV4.check(address, 'ipv4');
  return routedV6.check(address, 'ipv6') && !notPublicV6.check(address, 'ipv6');
}

/** The address that a URL names itself; undefined where it names a host. */
export function addressOf({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? undefined : address;
}

/** The host of a hook has an address at which it may not be. */
export class NotReachable extends Error {}

/** Resolves the host of a hook for its connection, which then goes to what was checked; one bad address refuses all. */
export const checkedLookup =
  (reach: Reach): LookupFunction =>
  (host, options, done) =>
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '');
      if (!addresses.every(({ address }) => isReachable(address, reach))) return done(new NotReachable(), '');
      if (options.all) return done(null, addresses);
      const [{ address, family }] = addresses as [(typeof addresses)[number]];
      return done(null, address, family);
    });
