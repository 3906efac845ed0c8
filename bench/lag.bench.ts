import { setTimeout as sleep } from 'node:timers/promises';
import { Attribute, Change, type Client } from 'ldapts';
import pg from 'pg';
import { connected, outboxEmpty } from './database.js';
import { bound, readEntries, watchEntries } from './directory.js';
import { call } from '../deploy/demo/hub.js';
import { delivered, importPersons, importStructures } from './hub.js';
import { alternate, median, peakRssMb, quantile, shown, type Bench, type Context } from './measure.js';

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
    const directory = await services.directory('durable');
    const file = await services.persons(PERSONS);
    const installation = await services.fresh(['person', 'structure', 'connector-ldap'], { directory });
    const { person, structure, 'connector-ldap': connector } = installation.services;
    await Promise.all([person.start(), structure.start(), connector.start()]);
    const structures = await importStructures(structure);
    await importPersons(person, file, PERSONS);
    await delivered(connector, { structure: structures, person: PERSONS });
    const ids = await connected(installation.databaseUrl('person'), async (client) => {
      await outboxEmpty(client);
      const { rows } = await client.query<{ id: string; revision: number }>(
        'select id, revision from record order by md5(id::text)',
      );
      return rows;
    });
    const entries = (await readEntries(directory)).filter(({ dn }) => dn.startsWith('uid='));
    const waiting = new Map<string, () => void>();
    const watcher = await watchEntries(directory, [ATTRIBUTE, OTHER_ATTRIBUTE], (value) => waiting.get(value)?.());

    const ours = async (round: number) => {
      const times = await paced(n, async (index) => {
        const record = ids[((round - 1) * n + index) % ids.length] as { id: string; revision: number };
        const value = `Ours ${round} ${index}`;
        const shownAt = new Promise<void>((resolve) => waiting.set(value, resolve));
        const headers = { 'if-match': `"${record.revision}"` };
        const changed = await call<{ revision: number }>(
          'PATCH',
          `${person.url}/persons/${record.id}`,
          { [FIELD]: value },
          headers,
        );
        record.revision = changed.revision;
        await shownAt;
      });
      return told(context, 'ours', times);
    };

    const client = new pg.Pool({ connectionString: installation.databaseUrl('person') });
    await client.query('create table reference (id bigserial primary key, value text not null)');
    const ldap = await bound(directory);
    const reference = async (round: number) => {
      const times = await paced(n, async (index) => {
        const value = `Reference ${round} ${index}`;
        const shownAt = new Promise<void>((resolve) => waiting.set(value, resolve));
        await client.query('insert into reference (value) values ($1)', [value]);
        await replace(ldap, entries[index % entries.length]?.dn as string, value);
        await shownAt;
      });
      return told(context, 'reference', times);
    };

    const sides = await alternate(context, UNIT, ours, reference);
    const peaks = [peakRssMb(person.pid), peakRssMb(connector.pid)];
    await Promise.all([client.end(), ldap.unbind(), watcher.unbind()]);
    await installation.end();
    await directory.stop();
    return { ...sides, unit: UNIT, ratio: sides.reference / sides.ours, peakRssMb: Math.max(...peaks) };
  },
};

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
