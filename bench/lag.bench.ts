import { setTimeout as sleep } from 'node:timers/promises';
import { Attribute, Change, type Client } from 'ldapts';
import pg from 'pg';
import { connected, outboxEmpty } from './database.js';
import { bound, readEntries, watchEntries } from './directory.js';
import type { Slapd } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import {
  answers,
  begun,
  delivered,
  ended,
  importPersons,
  importStructures,
  running,
  type Fresh,
  type ResyncJob,
  type Services,
} from './hub.js';
import { alternate, median, peakRssMb, quantile, seconds, shown, type Bench, type Context } from './measure.js';

const UNIT = 'ms';
const PER_SECOND = 50;
/** Persons that stand in the directory; every change of a run is one of another person. */
const PERSONS = 5_000;
/** The field of the person that is changed, and the attribute that shows it. */
const FIELD = 'usageGivenName';
const ATTRIBUTE = 'givenName';
/** The attribute that the reference changes: one that the connector leaves alone, so that it finds its entries as it left them. */
const OTHER_ATTRIBUTE = 'description';
const LONGEST_MS = 30_000;

/**
 * From sending a change over HTTP until the server of the directory says that the entry shows it, `n` changes at 50 a second; against one
 * committed row of PostgreSQL followed by one modify of the directory, at the same pace on the same servers. Both are 99th percentiles.
 */
export const lagBench: Bench = {
  name: 'lag',
  n: 1_500,
  async run(context) {
    const { n, services } = context;
    const hub = await Hub.start(services, PERSONS);
    const watcher = await hub.watch();
    const entries = (await readEntries(hub.directory)).filter(({ dn }) => dn.startsWith('uid='));
    const client = new pg.Pool({ connectionString: hub.installation.databaseUrl('person') });
    await client.query('create table reference (id bigserial primary key, value text not null)');
    const ldap = await bound(hub.directory);

    const ours = async () => told(context, 'ours', await paced(n, () => hub.change()));
    const reference = async (round: number) => {
      const times = await paced(n, async (index) => {
        const value = `Reference ${round} ${index}`;
        const shown = hub.shows(value);
        await client.query('insert into reference (value) values ($1)', [value]);
        await replace(ldap, entries[index % entries.length]?.dn as string, value);
        await shown;
      });
      return told(context, 'reference', times);
    };

    const sides = await alternate(context, UNIT, ours, reference);
    const peak = hub.peakRssMb();
    await Promise.all([client.end(), ldap.unbind(), watcher.unbind()]);
    await hub.end();
    return { ...sides, unit: UNIT, ratio: sides.reference / sides.ours, peakRssMb: peak };
  },
};

/**
 * The same while a resynchronisation brings `n` persons to a directory that was emptied; against the same without it. Changes go on for
 * as long as in the other round, and end before the resynchronisation does.
 */
export const lagResyncBench: Bench = {
  name: 'lag-resync',
  n: 20_000,
  async run(context) {
    const { n, services, log } = context;
    const hub = await Hub.start(services, n);
    const connector = hub.installation.services['connector-ldap'];
    const changes = lagBench.n;

    const ours = async () => {
      await hub.emptyDirectory();
      const job = await begun(connector, 'verify');
      await running(connector, job.id);
      const watcher = await hub.watch();
      const times = await paced(changes, () => hub.change());
      await watcher.unbind();
      const { status } = await call<ResyncJob>('GET', `${connector.url}/resyncs/${job.id}`);
      if (status !== 'running')
        throw new Error(`the resynchronisation of ${n} persons was ${status} before the changes had ended`);
      log(`      the job took ${shown(await seconds(() => ended(connector, job.id)))} s more`);
      return told(context, 'ours', times);
    };
    const reference = async () => {
      const watcher = await hub.watch();
      const times = await paced(changes, () => hub.change());
      await watcher.unbind();
      return told(context, 'reference', times);
    };

    const sides = await alternate(context, UNIT, ours, reference);
    const peak = hub.peakRssMb();
    await hub.end();
    return { ...sides, unit: UNIT, ratio: sides.reference / sides.ours, peakRssMb: peak };
  },
};

/** An installation with persons in a durable directory, and changes of one person after the other. */
class Hub {
  private readonly waiting = new Map<string, () => void>();
  private changes = 0;

  private constructor(
    private readonly services: Services,
    readonly installation: Fresh<'person' | 'structure' | 'connector-ldap'>,
    private readonly records: { id: string; revision: number }[],
    public directory: Slapd,
  ) {}

  static async start(services: Services, persons: number): Promise<Hub> {
    const directory = await services.directory('durable');
    const file = await services.persons(persons);
    const installation = await services.fresh(['person', 'structure', 'connector-ldap'], { directory });
    const { person, structure, 'connector-ldap': connector } = installation.services;
    await Promise.all([person.start(), structure.start(), connector.start()]);
    const structures = await importStructures(structure);
    await importPersons(person, file, persons);
    await delivered(connector, { structure: structures, person: persons });
    const records = await connected(installation.databaseUrl('person'), async (client) => {
      await outboxEmpty(client);
      const { rows } = await client.query<{ id: string; revision: number }>(
        'select id, revision from record order by md5(id::text)',
      );
      return rows;
    });
    return new Hub(services, installation, records, directory);
  }

  /** Begins to hear of every value that the directory shows. */
  watch(): Promise<Client> {
    return watchEntries(this.directory, [ATTRIBUTE, OTHER_ATTRIBUTE], (value) => this.waiting.get(value)?.());
  }

  /** Resolves when an entry has that value. */
  shows(value: string): Promise<void> {
    return new Promise((resolve) => this.waiting.set(value, resolve));
  }

  /** Changes the next person over HTTP; resolves when the directory shows it. */
  async change(): Promise<void> {
    const index = this.changes++;
    const record = this.records[index % this.records.length]!;
    const value = `Ours ${index}`;
    const shown = this.shows(value);
    const url = `${this.installation.services.person.url}/persons/${record.id}`;
    const headers = { 'if-match': `"${record.revision}"` };
    record.revision = (await call<{ revision: number }>('PATCH', url, { [FIELD]: value }, headers)).revision;
    await shown;
  }

  async emptyDirectory(): Promise<void> {
    this.directory = await this.services.emptied(this.directory, 'durable');
    await answers(this.installation.services['connector-ldap'].url);
  }

  peakRssMb(): number {
    const { person, 'connector-ldap': connector } = this.installation.services;
    return Math.max(peakRssMb(person.pid), peakRssMb(connector.pid));
  }

  async end(): Promise<void> {
    await this.installation.end();
    await this.directory.stop();
  }
}

/** Begins `n` pieces of work at an even pace, whether the earlier ones have ended or not, and answers the milliseconds of each. */
async function paced(n: number, work: (index: number) => Promise<void>): Promise<number[]> {
  const start = performance.now();
  const running: Promise<number>[] = [];
  for (let index = 0; index < n; index++) {
    const due = start + (index * 1000) / PER_SECOND;
    await sleep(Math.max(0, due - performance.now()));
    const began = performance.now();
    const one = work(index).then(() => performance.now() - began);
    one.catch(() => undefined);
    running.push(one);
  }
  const late = sleep(LONGEST_MS, undefined, { ref: false }).then(() => {
    throw new Error(`some changes did not show within ${LONGEST_MS} ms`);
  });
  return Promise.race([Promise.all(running), late]);
}

function told({ log }: Context, side: string, times: readonly number[]) {
  const p99 = quantile(times, 0.99);
  log(`      ${side}: median ${shown(median(times))}, p99 ${shown(p99)}, longest ${shown(Math.max(...times))} ms`);
  return { value: p99, counts: { changes: times.length } };
}

/** One modify that shows a change, as the connector's own would. */
async function replace(ldap: Client, dn: string, value: string): Promise<void> {
  await ldap.modify(
    dn,
    new Change({ operation: 'replace', modification: new Attribute({ type: OTHER_ATTRIBUTE, values: [value] }) }),
  );
}
