import { randomBytes } from 'node:crypto';
import { createServer, connect, type AddressInfo } from 'node:net';
import pg from 'pg';
import { pino } from 'pino';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { openDatabase, type DatabaseOptions } from './database.js';

const server = process.env.DATABASE_URL;
if (!server) throw new Error('DATABASE_URL must name a running server');

const name = `t_${randomBytes(6).toString('hex')}`;
const url = new URL(server);
url.pathname = `/${name}`;

class Counted1764000000001 implements MigrationInterface {
  name = 'Counted1764000000001';
  up(runner: QueryRunner): Promise<unknown> {
    return runner.query('create table counted (n integer)').then(() => runner.query('insert into counted values (1)'));
  }
  down(runner: QueryRunner): Promise<unknown> {
    return runner.query('drop table counted');
  }
}

const lines: string[] = [];
const options = (more: Partial<DatabaseOptions> = {}): DatabaseOptions => ({
  url: url.href,
  applicationName: 'spec',
  entities: [],
  migrations: [Counted1764000000001],
  logger: pino({}, { write: (line: string) => void lines.push(line) }),
  ...more,
});

afterAll(async () => {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`drop database if exists ${name} with (force)`);
  await admin.end();
});

describe('the database of a process', () => {
  it('is created and brought up to date once, though several start at the same moment', async () => {
    const opened = await Promise.all(Array.from({ length: 5 }, () => openDatabase(options())));
    expect(await opened[0]?.query('select n from counted')).toEqual([{ n: 1 }]);
    await Promise.all(opened.map((one) => one.destroy()));
  });

  it('may be shared: each process has a schema of its own', async () => {
    const other = await openDatabase(options({ schema: 'other' }));
    await other.query('insert into counted values (2)');
    expect(await other.query('select n from counted order by n')).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await other.query('select n from public.counted')).toEqual([{ n: 1 }]);
    await other.destroy();
  });

  it('is waited for while its server is away, and the log says so without the password', async () => {
    const door = createServer();
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const { port } = door.address() as AddressInfo;
    await new Promise((resolve) => door.close(resolve));
    const away = new URL(url);
    Object.assign(away, { hostname: '127.0.0.1', port: String(port), password: url.password || 'pass-word' });
    const opening = openDatabase(options({ url: away.href }));
    await new Promise((resolve) => setTimeout(resolve, 300));

    const gate = createServer((client) => {
      const through = connect(Number(url.port || 5432), url.hostname);
      client.on('error', () => through.destroy());
      through.on('error', () => client.destroy());
      client.pipe(through).pipe(client);
    });
    await new Promise<void>((resolve) => gate.listen(port, '127.0.0.1', resolve));
    const opened = await opening;
    expect(await opened.query('select n from counted')).toEqual([{ n: 1 }]);
    await opened.destroy();
    gate.close();
    expect(lines.some((line) => line.includes('the database does not answer yet'))).toBe(true);
    expect(lines.join('')).not.toContain(away.password);
  });

  it('is not waited for when it refuses: that needs a person', async () => {
    await expect(openDatabase(options({ migrations: [Broken1764000000002] }))).rejects.toThrow(/no_such_table/);
  });

  it('keeps a forgotten statement or lock from holding a request for ever', async () => {
    const opened = await openDatabase(options());
    const [limits] = (await opened.query(
      `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
              current_setting('idle_in_transaction_session_timeout') as idle`,
    )) as Record<string, string>[];
    expect(limits).toEqual({ statement: '30s', lock: '10s', idle: '1min' });
    await opened.destroy();
  });
});

class Broken1764000000002 implements MigrationInterface {
  name = 'Broken1764000000002';
  up(runner: QueryRunner): Promise<unknown> {
    return runner.query('insert into no_such_table values (1)');
  }
  down(): Promise<void> {
    return Promise.resolve();
  }
}
