import { until, type Service, type Stack } from '@myelin/testing';
import { readDirectory, setByHand } from './directory.js';
import { startOwnServers, TestInstallation } from './installation.js';
import { itemsOf, jobWhen, readJob, resync, type JobView } from './jobs.js';

const SIZE = { structures: 40, persons: 800 };
const RECORDS = SIZE.structures + SIZE.persons;
/** Entities per second: the job is in its middle at each kill, also where a server takes long to come back. */
const RATE = 20;
/** Done between two kills. */
const STEP = 60;

let stack: Required<Stack>;
let hub: TestInstallation;
let connector: Service;

beforeAll(async () => {
  stack = (await startOwnServers('job-kill', ['postgres', 'kafka', 'slapd'])) as Required<Stack>;
  hub = await TestInstallation.create('job-kill', stack.settings);
  ({ connector } = await hub.startUniversity(SIZE));
}, 240_000);
afterAll(async () => {
  await hub.stop();
  await stack.stop();
}, 120_000);

const idOf = ({ supannRefId }: Record<string, readonly string[]>) =>
  supannRefId?.map((value) => /:HUB\}(.+)$/.exec(value)?.[1]).find((id) => id !== undefined);

/** Version of each entry by master id. */
async function written(): Promise<Map<string, string>> {
  const entries = [...(await readDirectory(hub.directory)).values()];
  return new Map(entries.map((entry) => [idOf(entry) as string, entry.entryCSN?.[0] as string]));
}

it('goes on with a job after kill -9 of the connector, of Kafka and of PostgreSQL, and writes nothing twice that was acknowledged', async () => {
  const dns = [...(await readDirectory(hub.directory)).keys()];
  await setByHand(hub.directory, dns, 'labeledURI', 'https://by-hand.example/');
  const falsified = await written();
  const job = await resync(connector, { mode: 'verify', rate: RATE });
  const acknowledged = new Map<string, string | undefined>();
  let done = 0;
  const further = async () => {
    const { progress } = await jobWhen(connector, job, (view) => view.progress.done >= done + STEP);
    ({ done } = progress);
    // What the job counts as modified by now has its last version.
    const ids = (await itemsOf(connector, job, 'modified')).map(({ id }) => id);
    const versions = await written();
    for (const id of ids) if (!acknowledged.has(id)) acknowledged.set(id, versions.get(id));
  };
  /** A kill in the middle of the job. */
  const kill = async (victim: { kill(): Promise<unknown> }) => {
    await further();
    expect((await readJob(connector, job)).status).toBe('running');
    await victim.kill();
  };

  await kill(connector);
  await connector.start();
  await kill(stack.kafka);
  await stack.kafka.restart();
  await kill(stack.postgres);
  await stack.postgres.restart();

  const report: JobView = await jobWhen(connector, job, 'done');
  expect(report.plan.actions.reduce((sum, { count }) => sum + count, 0)).toBe(RECORDS);
  const { modified = 0, unchanged = 0, ...others } = report.progress.outcomes;
  expect(others).toEqual({});
  // Those that were in hand at a kill were found as they must be; all others were written, once.
  expect(modified + unchanged).toBe(RECORDS);
  const last = await written();
  expect(acknowledged.size).toBeGreaterThanOrEqual(3 * STEP);
  expect([...acknowledged].filter(([id, version]) => last.get(id) !== version)).toEqual([]);
  expect([...last].filter(([id, version]) => falsified.get(id) === version)).toEqual([]);
  await until('nothing should be left', async () => (await hub.work()).due === 0);
  expect(await hub.compare()).toEqual({ entries: RECORDS, differences: [] });
}, 300_000);
