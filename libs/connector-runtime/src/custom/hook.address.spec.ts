import { promisify } from 'node:util';
import { addressOf, checkedLookup, isReachable, networks, NotReachable } from './hook.address.js';

const reach = (url: string, ...allow: string[]) => ({ url: new URL(url), allow: networks(allow) });
const https = reach('https://hook.example');

it.each([
  ...[
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
  ],
  ...['100.64.0.1', '192.0.0.8', '198.18.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.2.1', '203.0.113.9'],
  ...['::', '::1', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1'],
  ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '2001:db8::1', 'fec0::1', '100::1'],
])('keeps a hook away from %s', (address) => expect(isReachable(address, https)).toBe(false));

it.each(['193.54.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:660:3003::1', '2a01:e0a::1'])(
  'lets a hook be at %s over https only',
  (address) =>
    expect([isReachable(address, https), isReachable(address, reach('http://hook.example'))]).toEqual([true, false]),
);

it('lets a hook be where its settings allow it, also unencrypted', () => {
  const allowed = reach('http://hook.example', '10.1.0.0/16', '127.0.0.1/32', 'fd00:1::/32');
  const addresses = ['10.1.2.3', '127.0.0.1', 'fd00:1::7', '10.2.0.1', '127.0.0.2', 'fd00:2::7', '8.8.8.8'];
  expect(addresses.map((address) => isReachable(address, allowed))).toEqual([
    ...[true, true, true, false, false, false, false],
  ]);
});

it.each(['10.1.0.0', '10.1.0.0/33', '::/129', 'hook.example/8', '10.1.0/16', '/8', ''])(
  'knows that %j is no network',
  (name) => expect(() => networks([name])).toThrow('must be networks like 10.1.0.0/16'),
);

it.each([
  ...[
    ['https://0x7f000001/', '127.0.0.1'],
    ['https://2130706433/', '127.0.0.1'],
    ['https://127.1/', '127.0.0.1'],
  ],
  ...[
    ['https://[::1]/', '::1'],
    ['https://[::ffff:127.0.0.1]/', '::ffff:7f00:1'],
    ['https://0177.0.0.1', '127.0.0.1'],
  ],
  ...[
    ['https://localhost/', undefined],
    ['https://localhost./', undefined],
    ['https://hook.example/', undefined],
  ],
])('reads %s as the address %s', (url, address) => expect(addressOf(new URL(url as string))).toBe(address));

it('refuses a name when it is resolved to an address that is not allowed', async () => {
  const lookup = promisify(checkedLookup(https));
  await expect(lookup('localhost', { all: true })).rejects.toThrow(NotReachable);
  await expect(lookup('localhost', {})).rejects.toThrow(NotReachable);
});

it('answers the addresses that it has checked', async () => {
  const lookup = promisify(checkedLookup(reach('http://localhost', '127.0.0.0/8', '::1/128')));
  expect(await lookup('localhost', { all: true })).toContainEqual({ address: '127.0.0.1', family: 4 });
});
