import { isIP } from 'node:net';
import type { LdapConnectOptions } from './ldap.port';

/** The host of an address, without the brackets of IPv6. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}

/**
 * The TLS options of a connection. The host is always given: over an existing socket Node would otherwise verify the
 * certificate against `localhost`.
 */
export function tlsOptions(options: LdapConnectOptions) {
  const host = hostOf(options.url);
  const { ca, serverName } = options.tls ?? {};
  const servername = serverName ?? (isIP(host) ? undefined : host);
  return { host, rejectUnauthorized: true, ...(ca && { ca }), ...(servername && { servername }) };
}

/** Says whether the connection is to be encrypted by StartTLS. */
export function wantsStartTls(options: LdapConnectOptions): boolean {
  return options.tls !== undefined && !options.url.startsWith('ldaps:');
}
