import { Bed, person, structure } from '../bed.testing.js';

jest.setTimeout(60_000);

let bed: Bed;
beforeEach(async () => (bed = await Bed.start(undefined, { settings: { START_AS: 'observe' } })));
afterEach(() => bed.stop());

const written = async () =>
  (await bed.target.calls()).filter(({ kind }) => kind !== 'read').map(({ id, kind }) => `${kind} ${id}`);
const withRole = (name: string, roles: object) => ({ ...person(name), roles });
const take = (...states: [Record<string, unknown>, number][]) => bed.take('person', ...states);

it('starts as it is told, as long as nothing has come in and nobody has switched it', async () => {
  expect((await bed.get('/control')).body).toMatchObject({ observe: true, populations: [], work: 'observing' });
  await bed.post('/control/write');
  await bed.restart();
  expect((await bed.get('/control')).body).toMatchObject({ observe: false });
});

it('gives no names to those it only observes', async () => {
  await take([person('Martin'), 1]);
  await bed.settled();
  expect(await bed.dataSource.query('select * from allocated_name')).toEqual([]);
});

it('writes one population while the others are observed, structures with the first, and what was noted when its turn comes', async () => {
  const unit = structure('S1');
  const learner = withRole('Learner', { learner: [{ enrolments: [{ year: 2026, population: 'AGEI' }] }] });
  const both = withRole('Both', {
    learner: [{ enrolments: [{ year: 2026, population: 'AGEI' }] }],
    external: [{ population: 'PXSS', structure: 'code:S1' }],
  });
  const none = withRole('None', {});
  await bed.take('structure', [unit, 1]);
  await take([learner, 1], [both, 1], [none, 1]);
  await bed.settled();
  expect(await written()).toEqual([]);

  const view = await bed.post('/control/write', { populations: ['external'], reason: 'first' });
  expect(view.body).toMatchObject({ work: 'open', observe: true, populations: ['external'] });
  await bed.settled();
  expect((await written()).sort()).toEqual([`create ${unit.id}`, `create ${both.id}`].sort());
  expect(await bed.ledger(learner.id)).toMatchObject({ status: 'observed', held: 'create', observed_as: ['learner'] });
  await take([{ ...both, birthName: 'Changed' }, 2], [{ ...learner, birthName: 'Changed' }, 2]);
  await bed.settled();
  expect((await written()).slice(2)).toEqual([`modify ${both.id}`]);
  // Whoever is gone is in no population any more.
  await take([{ id: both.id }, 3]);
  await bed.settled();
  expect(await bed.ledger(both.id)).toMatchObject({ status: 'observed', held: 'delete', observed_as: null });

  await bed.post('/control/write', { populations: ['learner'] });
  await bed.settled();
  expect((await written()).slice(3)).toEqual([`create ${learner.id}`]);
  expect((await bed.post('/control/observe', { populations: ['external'] })).body.populations).toEqual(['learner']);
  await bed.post('/control/write');
  await bed.settled();
  expect((await written()).slice(4).sort()).toEqual([`create ${none.id}`, `remove ${both.id}`].sort());
  expect((await bed.post('/control/observe', { populations: ['learner'] })).body).toMatchObject({
    ...{ observe: true, populations: ['resource', 'external'] },
  });
  expect(await bed.post('/control/disable', { populations: ['learner'] })).toMatchObject({ status: 422 });
});
