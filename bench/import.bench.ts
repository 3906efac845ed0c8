import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type pg from 'pg';
import { connected, countRows, outboxEmpty, settle } from './database.js';
import { importPersons, type Fresh } from './hub.js';
import { alternate, peakRssMb, seconds, speeds, type Bench } from './measure.js';

/** The tables that an import writes, and where its rows are read back: the relay has emptied the outbox by then. */
const TABLES: Readonly<Record<string, string>> = {
  record: 'table record',
  source_record: 'table source_record',
  link: 'table link',
  identifier: 'table identifier',
  revision: 'table revision',
  outbox: `select record_id, revision, kind, jsonb_build_object('correlationId', correlation_id, 'origin', source), at from revision`,
};
const NAMES = Object.keys(TABLES);
const KEPT = NAMES.filter((name) => name !== 'outbox');
const UNIT = 'persons/s';

/**
 * Persons imported over HTTP, validated, linked, recorded and marked dirty, the relay publishing beside it as always, until the
 * import answers; against COPY of the same rows into tables with the same indexes, on one connection.
 */
export const importBench: Bench = {
  name: 'import',
  n: 100_000,
  async run(context) {
    const { n, services } = context;
    const file = await services.persons(n);
    const peaks: number[] = [];
    let installation: Fresh<'person'>;

    const ours = async () => {
      installation = await services.fresh(['person']);
      const { person } = installation.services;
      await person.start();
      return connected(installation.databaseUrl('person'), async (client) => {
        await settle(client);
        const time = await seconds(() => importPersons(person, file, n));
        await outboxEmpty(client);
        peaks.push(peakRssMb(person.pid));
        await person.stop();
        const kept = await countRows(client, KEPT);
        return { value: n / time, counts: { ...kept, outbox: kept['revision'] as number } };
      });
    };

    const reference = () =>
      connected(installation.databaseUrl('person'), async (client) => {
        const files = Object.fromEntries(NAMES.map((name) => [name, `${file}.${name}.copy`]));
        for (const name of NAMES) await copyOut(client, TABLES[name] as string, files[name] as string);
        await client.query('create schema reference');
        for (const name of NAMES)
          await client.query(`create table reference.${name} (like public.${name} including all)`);
        await settle(client);
        const time = await seconds(async () => {
          for (const name of NAMES) await copyIn(client, `reference.${name}`, files[name] as string);
        });
        await client.query('set search_path = reference');
        const counts = await countRows(client, NAMES);
        for (const name of NAMES) await rm(files[name] as string);
        return { value: n / time, counts };
      }).finally(() => installation.end());

    return speeds(await alternate(context, UNIT, ours, reference), UNIT, peaks);
  },
};

const copyOut = (client: pg.Client, query: string, file: string) =>
  pipeline(client.query(copyTo(`copy (${query}) to stdout`)), createWriteStream(file));

const copyIn = (client: pg.Client, table: string, file: string) =>
  pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), client.query(copyFrom(`copy ${table} from stdin`)));
