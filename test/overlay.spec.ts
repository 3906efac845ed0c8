import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { dumpDirectory, versions, type Entry } from './directory.js';
import { metric, TestInstallation } from './installation.js';
import { jobWhen, type JobView } from './jobs.js';

const SIZE = { structures: 30, persons: 400 };
/** Only learners are concerned: an attribute more, one changed, one dropped. */
const OVERLAY = {
  person: {
    set: {
      description: `'student' in row.eduPersonAffiliation ? 'Inscrit'`,
      displayName: `'student' in row.eduPersonAffiliation ? $uppercase(row.displayName) : row.displayName`,
    },
    drop: ['supannEtuInscription'],
  },
};

let hub: TestInstallation;
let connector: Service;
let file: string;

const write = (overlay: object | string) =>
  writeFileSync(file, typeof overlay === 'string' ? overlay : JSON.stringify(overlay));

beforeAll(async () => {
  hub = await TestInstallation.create('overlay');
  file = join(hub.names.logs, 'overlay.json');
  write({});
  ({ connector } = await hub.startUniversity(SIZE, { OVERLAY_FILE: file }));
}, 240_000);
afterAll(() => hub.drop(), 180_000);

/** Changes the file and starts the connector anew; answers the job by which it maps everything again. */
async function mappedUnder(overlay: object): Promise<JobView> {
  const remaps = async () => {
    const { items } = await call<{ items: JobView[] }>('GET', `${connector.url}/resyncs`);
    return items.filter(({ kind }) => kind === 'remap').map(({ id }) => id);
  };
  const before = await remaps();
  await connector.stop();
  write(overlay);
  await connector.start();
  let job: string | undefined;
  await until('a job should map everything again', async () => {
    job = (await remaps()).find((id) => !before.includes(id));
    return job !== undefined;
  });
  return jobWhen(connector, { id: job as string }, 'done');
}

const isLearner = ({ eduPersonAffiliation = [] }: Entry) => eduPersonAffiliation.includes('student');

/** What the overlay must make of these entries. */
const overlaid = (entries: Record<string, Entry>) =>
  Object.fromEntries(
    Object.entries(entries).map(([dn, entry]) => {
      if (!isLearner(entry)) return [dn, entry];
      const { supannEtuInscription: _, displayName = [], ...rest } = entry;
      return [dn, { ...rest, displayName: displayName.map((name) => name.toUpperCase()), description: ['Inscrit'] }];
    }),
  );

it('FR-21 another mapping file changes what the directory gets, with one modification per person concerned and no code', async () => {
  const before = await dumpDirectory(hub.directory);
  const marks = await versions(hub.directory);
  const concerned = Object.values(before).filter(isLearner).length;
  expect(concerned).toBeGreaterThan(50);
  expect(concerned).toBeLessThan(SIZE.persons - 50);
  const actions = [{ entity: 'person', action: 'change', count: concerned }];

  const job = await mappedUnder(OVERLAY);
  expect(job.plan).toMatchObject({ total: SIZE.persons, actions });
  expect(job.progress.outcomes).toEqual({ modified: concerned });
  expect(await metric(connector, 'myelin_deliveries_total')).toBe(concerned);
  expect(await dumpDirectory(hub.directory)).toEqual(overlaid(before));
  const touched = [...(await versions(hub.directory))].filter(([dn, mark]) => marks.get(dn) !== mark);
  expect(touched).toHaveLength(concerned);

  // What it gave goes with it.
  expect((await mappedUnder({})).plan.actions).toEqual(actions);
  expect(await metric(connector, 'myelin_deliveries_total')).toBe(concerned);
  expect(await dumpDirectory(hub.directory)).toEqual(before);
}, 240_000);

it.each<[string, object | string, RegExp]>([
  ['no JSON', '{', /OVERLAY {1,2}is no JSON/],
  [
    'a faulty expression',
    { person: { set: { title: 'record.' } } },
    /OVERLAY person\.set\.title S0\d+ at position \d+: /,
  ],
  ['an attribute that is not its to set', { person: { set: { uid: `'x'` } } }, /OVERLAY person\.set\.uid /],
])(
  'a file with %s keeps the connector from starting, and says where',
  async (_, overlay, message) => {
    await connector.stop();
    write(overlay);
    for (const argument of [[], ['check']]) {
      const { code, output } = await connector.run(...argument);
      expect([code, output]).toEqual([1, expect.stringMatching(message)]);
    }
    write({});
    await connector.start();
  },
  120_000,
);
