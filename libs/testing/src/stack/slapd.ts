import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canBind, type LdapAccess } from './directory';
import { makeFolder, passwordIn, repositoryRoot } from './folder';
import { spawnTied } from './process';
import { LocalServer, onFreePorts } from './server';

const run = promisify(execFile);

/** How OpenLDAP is started. */
export interface SlapdOptions {
  /** Folder of its data, settings, certificate, password and log. */
  dir: string;
  /** Suffix of the directory; its first part is a `dc`. */
  baseDn?: string;
  /** Port of `ldap://`. */
  port?: number;
  /** `durable` survives a crash of the machine, `fast` one of slapd only. */
  sync?: 'durable' | 'fast';
  /** Lines added to slapd.conf. */
  settings?: readonly string[];
  /** Folder in front of slapd's files, empty when it is installed; the launcher names it in `MYELIN_SLAPD_ROOT`. */
  system?: string;
}

/** A running OpenLDAP; `bindDn` is the service account, which may read and write everything. */
export type Slapd = LocalServer &
  LdapAccess & {
    readonly port: number;
    /** Absent on a machine without openssl. */
    readonly ldapsUrl?: string;
    /** File of the certificate to trust. */
    readonly ca?: string;
  };

/** The suffix of the local directory. */
export const LOCAL_BASE_DN = 'dc=univ-exemple,dc=fr';

/** Starts OpenLDAP with the SupAnn schema on the data of a folder, made the first time. */
export async function startSlapd(options: SlapdOptions): Promise<Slapd> {
  const { dir, baseDn = LOCAL_BASE_DN, system = process.env['MYELIN_SLAPD_ROOT'] ?? '' } = options;
  const program = `${system}/usr/sbin/slapd`;
  if (!existsSync(program))
    throw new Error(`${program} is missing: MYELIN_SLAPD_ROOT names its folder; \`npm run stack\` fetches it`);
  const env = { ...process.env, LDAPNOINIT: '1', ...(system ? { LD_LIBRARY_PATH: libraries(system) } : {}) };
  makeFolder(dir, 0o700);
  const password = passwordIn(join(dir, 'password'));
  const tls = await makeCertificate(dir);
  const conf = join(dir, 'slapd.conf');
  writeFileSync(conf, settingsOf(options, system, baseDn, tls));
  await createDirectory(dir, baseDn, password, (ldif) =>
    run(program, ['-Tadd', '-q', '-f', conf, '-l', ldif], { env }),
  );

  const bindDn = `cn=myelin,${baseDn}`;
  const start = async (port: number, tlsPort: number): Promise<Slapd> => {
    const url = `ldap://127.0.0.1:${port}`;
    const ldapsUrl = `ldaps://127.0.0.1:${tlsPort}`;
    const access = { url, bindDn, password, baseDn };
    const server = await LocalServer.start({
      what: 'slapd',
      pidFile: join(dir, 'process'),
      mark: conf,
      stopSignal: 'SIGTERM',
      // -d 0 keeps it in the foreground: a slapd that forks away is no child of ours.
      launch: () =>
        spawnTied(program, ['-d', '0', '-f', conf, '-h', tls ? `${url} ${ldapsUrl}` : url], {
          what: 'slapd',
          log: join(dir, 'slapd.log'),
          deathSignal: 'SIGTERM',
          env,
        }),
      ready: () => canBind(access),
    });
    return Object.assign(server, access, { port }, tls ? { ldapsUrl, ca: join(dir, 'certificate.pem') } : {});
  };
  if (options.port === undefined) return onFreePorts(2, start);
  const { port } = options;
  return onFreePorts(1, (tlsPort) => start(port, tlsPort));
}

/** Runs one of the tools that come with OpenLDAP (`ldapmodify`) as the service account, and answers what it printed. */
export async function runLdapTool(
  name: string,
  { url, bindDn, password }: LdapAccess,
  args: readonly string[],
  system = process.env['MYELIN_SLAPD_ROOT'] ?? '',
): Promise<string> {
  const env = { ...process.env, LDAPNOINIT: '1', ...(system ? { LD_LIBRARY_PATH: libraries(system) } : {}) };
  const bind = ['-x', '-H', url, '-D', bindDn, '-w', password];
  return (await run(`${system}/usr/bin/${name}`, [...bind, ...args], { env })).stdout;
}

function settingsOf(options: SlapdOptions, system: string, baseDn: string, tls: boolean): string {
  const schemas = join(repositoryRoot(), 'deploy', 'local', 'ldap');
  const fast = options.sync === 'fast';
  const values = {
    SYSTEM: system,
    SCHEMAS: schemas,
    STATE: options.dir,
    BASE: baseDn,
    TLS: tls ? '' : '#',
    SYNC: fast ? '' : '#',
  };
  return [fill('slapd.conf', values), ...(options.settings ?? []), ''].join('\n');
}

/** Writes what stands in a new directory before slapd runs, as the service account could not create itself. */
async function createDirectory(
  dir: string,
  baseDn: string,
  password: string,
  load: (ldif: string) => Promise<unknown>,
): Promise<void> {
  const data = join(dir, 'data');
  const done = join(data, '.created');
  if (existsSync(done)) return;
  const dc = /^dc=([^,+]+)/i.exec(baseDn)?.[1];
  if (dc === undefined) throw new Error(`the suffix of a local directory begins with dc=, unlike ${baseDn}`);
  rmSync(data, { recursive: true, force: true });
  makeFolder(data, 0o700);
  const ldif = join(dir, 'base.ldif');
  writeFileSync(ldif, fill('base.ldif', { BASE: baseDn, DC: dc, PASSWORD_HASH: saltedHash(password) }), {
    mode: 0o600,
  });
  await load(ldif);
  rmSync(ldif);
  writeFileSync(done, '');
}

function fill(template: string, values: Record<string, string>): string {
  const text = readFileSync(join(repositoryRoot(), 'deploy', 'local', 'ldap', template), 'utf8');
  const settings = text.replace(/^#.*\n/gm, '');
  return Object.entries(values).reduce((filled, [name, value]) => filled.replaceAll(`@${name}@`, value), settings);
}

/** A password as userPassword holds it (RFC 2307); the local one has 144 bits of its own, so one round is enough. */
function saltedHash(password: string): string {
  const salt = randomBytes(8);
  const hash = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([hash, salt]).toString('base64')}`;
}

async function makeCertificate(dir: string): Promise<boolean> {
  const file = join(dir, 'certificate.pem');
  if (existsSync(file)) return true;
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(dir, 'key.pem')];
  return run('openssl', ['req', '-x509', '-days', '3650', ...names, ...key, '-out', file]).then(
    () => true,
    () => false,
  );
}

function libraries(system: string): string {
  const lib = join(system, 'usr', 'lib');
  return readdirSync(lib)
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(lib, name))
    .join(':');
}
