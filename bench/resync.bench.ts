import type { Client, Entry } from 'ldapts';
import { createTree, type Service, type Slapd } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { connected } from './database.js';
import { addAll, bound, readEntries, readVersions } from './directory.js';
import { answers, ended, resynchronised, type FreshOptions, type ResyncJob } from './hub.js';
import { alternate, cpuSeconds, peakRssMb, seconds, shown, speeds, type Bench, type Context } from './measure.js';
import { kafkaOf, readThrough } from './topic.js';

const PERSON_TOPIC = 'referential.person.v1';

/**
 * `n` persons and all structures, brought by a resynchronisation that verifies into a directory that was emptied; against adds
 * of the same entries, on as many connections with as many requests under way.
 */
export const resyncEmptyBench: Bench = {
  name: 'resync-empty',
  n: 20_000,
  async run(context) {
    const { n, services } = context;
    const filled = await services.loaded(n);
    const connector = filled.installation.services['connector-ldap'];
    const entries: Entry[] = await readEntries(filled.directory);
    const rounds = n > 50_000 ? 1 : 3;
    // The memory that is told is that of this work alone.
    await connector.stop();
    await connector.start();

    const ours = async () => {
      filled.directory = await services.emptied(filled.directory, 'durable');
      // Whether the target answers again is found out at the next probe: that is not what is measured.
      await answers(connector.url);
      const job = await resynchronised(connector, 'verify');
      const time = secondsOf(job);
      context.log(
        `      planned in ${shown((Date.parse(job.startedAt as string) - Date.parse(job.requestedAt)) / 1000)} of ${shown(time)} s`,
      );
      const { length } = await readEntries(filled.directory);
      return { value: length / time, counts: { entries: length } };
    };
    const reference = async () => {
      const directory = await services.directory('durable');
      await createTree(directory);
      const time = await addAll(directory, entries);
      const { length } = await readEntries(directory);
      await directory.stop();
      return { value: length / time, counts: { entries: length } };
    };
    const sides = await alternate(context, 'entries/s', ours, reference, rounds);
    return speeds(sides, 'entries/s', [peakRssMb(connector.pid)]);
  },
};

/**
 * `n` unchanged persons and all structures verified against the directory without one modification; against a paged read of the
 * same entries, with the attributes that the connector owns, on one connection.
 */
export const resyncVerifyBench: Bench = {
  name: 'resync-verify',
  n: 20_000,
  async run(context) {
    const { n, services, log } = context;
    const filled = await services.loaded(n);
    const connector = filled.installation.services['connector-ldap'];
    await answers(connector.url);
    const count = n + filled.structures;
    const jobs: ResyncJob[] = [];

    const ours = async () => {
      const time = await seconds(async () => void jobs.push(await resynchronised(connector, 'verify')));
      const { plan } = jobs.at(-1) as ResyncJob;
      if (plan.actions.length > 0) throw new Error(`the directory differs: ${JSON.stringify(plan.actions)}`);
      return { value: plan.total / time, counts: { entries: plan.total } };
    };
    const reference = async () => {
      const client: Client = await bound(filled.directory);
      let found = 0;
      const time = await seconds(async () => {
        const pages = client.searchPaginated(filled.directory.baseDn, {
          ...{ filter: '(supannRefId=*)', attributes: ['*'], paged: { pageSize: 500 } },
        });
        for await (const { searchEntries } of pages) found += searchEntries.length;
      });
      await client.unbind();
      return { value: found / time, counts: { entries: Math.min(found, count) } };
    };
    const sides = await alternate(context, 'entries/s', ours, reference);
    const trust = await seconds(() => resynchronised(connector, 'trust'));
    log(`  to trust the ledger for as many takes ${shown(trust)} s`);
    return speeds(sides, 'entries/s', [peakRssMb(connector.pid)]);
  },
};

/**
 * `n` persons mapped again under another version of the mapping, with the same rows and without one call of the target; against
 * reading their topic with kafkajs, without looking at what it says.
 */
export const remapBench: Bench = {
  name: 'remap',
  n: 20_000,
  async run(context) {
    const { n, services } = context;
    const filled = await services.loaded(n);
    const { installation } = filled;
    const connector = installation.services['connector-ldap'];
    const { settings } = await services.stack();
    const kafka = kafkaOf(settings.KAFKA_BROKERS as string);

    const ours = async () => {
      const before = await remaps(connector);
      await connector.stop();
      // As if the mapping had another version than the one under which everything was mapped.
      await connected(installation.databaseUrl('connector-ldap'), async (client) => {
        await client.query(`update projection set version = 'old' where entity = 'person'`);
      });
      await connector.start();
      const job = await remapped(connector, before);
      const time = secondsOf(job);
      if (job.plan.actions.length > 0) throw new Error(`rows differ: ${JSON.stringify(job.plan.actions)}`);
      return { value: n / time, counts: { persons: job.plan.total } };
    };
    const reference = async () => {
      const { messages, time } = await readThrough(kafka, installation.topicPrefix + PERSON_TOPIC, n);
      return { value: n / time, counts: { persons: Math.min(messages, n) } };
    };
    const sides = await alternate(context, 'persons/s', ours, reference);
    return speeds(sides, 'persons/s', [peakRssMb(connector.pid)]);
  },
};

/** Three attributes that come out as the mapping itself has them: joined text, a condition, a choice from a list. */
const OVERLAY = {
  person: {
    set: {
      displayName: `(record.usageGivenName ? record.usageGivenName : record.givenNames[0]) & ' ' & (record.usageName ? record.usageName : record.birthName)`,
      supannListeRouge: `record.listing = 'private' ? 'TRUE' : 'FALSE'`,
      supannEmpId: `record.identifiers[scheme = 'siham'].value`,
    },
  },
};

/**
 * `n` persons mapped again with an overlay of three expressions, to the same rows and without one call of the target; against
 * the same without the overlay.
 */
export const overlayBench: Bench = {
  name: 'overlay',
  n: 20_000,
  async run(context) {
    const { n, services } = context;
    const { installation, directory } = await services.loaded(n);
    const { topicPrefix, databasePrefix } = installation;
    const settings = { OVERLAY: JSON.stringify(OVERLAY) };
    const fresh = await services.fresh(['connector-ldap'], { topicPrefix, databasePrefix, directory, settings });
    const plain = installation.services['connector-ldap'];
    const overlaid = fresh.services['connector-ldap'];
    const peaks: number[] = [];

    // Each finds that everything was mapped under the version of the other.
    const side = (connector: Service, other: Service) => async () => {
      await other.stop();
      await connector.start();
      const job = await remapped(connector, known);
      known.push(job.id);
      if (job.plan.actions.length > 0) throw new Error(`rows differ: ${JSON.stringify(job.plan.actions)}`);
      if (connector === overlaid) peaks.push(peakRssMb(connector.pid));
      // The same work in processor time, which says more where others are at work too.
      context.log(
        `      ${connector === overlaid ? 'with' : 'without'} it ${shown(cpuSeconds(connector.pid))} s of processor`,
      );
      return { value: n / secondsOf(job), counts: { persons: job.plan.total } };
    };
    const known = await remaps(plain);
    const sides = await alternate(context, 'persons/s', side(overlaid, plain), side(plain, overlaid));
    await plain.stop();
    await overlaid.stop();
    await changeAll(context, { topicPrefix, databasePrefix, directory }, known);
    return speeds(sides, 'persons/s', peaks);
  },
};

/** Starts a connector with an overlay that changes one attribute of everybody, and holds its job to one write for each. */
async function changeAll({ n, services, log }: Context, shared: FreshOptions & { directory: Slapd }, known: string[]) {
  const OVERLAY = JSON.stringify({ person: { set: { displayName: `row.displayName & ' (UNIV)'` } } });
  const { services: started } = await services.fresh(['connector-ldap'], { ...shared, settings: { OVERLAY } });
  const connector = started['connector-ldap'];
  const before = await readVersions(shared.directory);
  await connector.start();
  const job = await remapped(connector, known);
  const touched = [...(await readVersions(shared.directory))].filter(([dn, version]) => before.get(dn) !== version);
  const told = JSON.stringify({ plan: job.plan.actions, outcomes: job.progress.outcomes, entries: touched.length });
  if (job.progress.outcomes.modified !== n || touched.length !== n) throw new Error(`not one write for each: ${told}`);
  log(`  an attribute of all changed in ${shown(secondsOf(job))} s: ${told}`);
  await connector.stop();
}

/** From the request of a job to its end. */
const secondsOf = ({ requestedAt, endedAt }: ResyncJob) =>
  (Date.parse(endedAt as string) - Date.parse(requestedAt)) / 1000;

/** Ids of the jobs that map everything again. */
async function remaps({ url }: Service): Promise<string[]> {
  const { items } = await call<{ items: ResyncJob[] }>('GET', `${url}/resyncs`);
  return items.filter(({ kind }) => kind === 'remap').map(({ id }) => id);
}

/** The job that the connector has begun by itself since, when it has ended. */
async function remapped(connector: Service, before: readonly string[]): Promise<ResyncJob> {
  for (;;) {
    const id = (await remaps(connector)).find((one) => !before.includes(one));
    if (id !== undefined) return ended(connector, id);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
