import { TestInstallation } from './installation.js';

let hub: TestInstallation;

beforeAll(async () => {
  hub = await TestInstallation.create('check');
}, 60_000);
afterAll(() => hub.drop(), 180_000);

/** What a connector with these settings tells that is started only to check itself. */
const checked = async (settings: Record<string, string> = {}) => {
  const connector = await hub.add('connector-ldap', {}, '', settings);
  return connector.run('check');
};

it('tells before it is started whether its settings are right, and apart from that whether the directory answers', async () => {
  expect(await checked()).toEqual({ code: 0, output: 'settings: ok\ntarget: ok\n' });

  const malformed = await checked({ LDAP_URL: 'the directory', LDAP_CONNECTIONS: 'many' });
  expect(malformed.code).toBe(1);
  expect(malformed.output).toMatch(/LDAP_URL .*\n?.*LDAP_CONNECTIONS /);

  const refused = await checked({ LDAP_PASSWORD: 'not the password' });
  expect(refused.code).toBe(1);
  expect(refused.output).toMatch(/^settings: .*credentials.*\ntarget: /i);
  expect(refused.output).not.toContain('not the password');

  const away = await checked({ LDAP_URL: 'ldap://127.0.0.1:9' });
  expect(away.code).toBe(1);
  expect(away.output).toMatch(/^settings: ok\ntarget: (?!ok)/);
}, 60_000);
