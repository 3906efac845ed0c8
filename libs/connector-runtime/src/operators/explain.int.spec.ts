import { Bed, person, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

describe('explain', () => {
  let bed: Bed;
  beforeEach(async () => (bed = await Bed.start()));
  afterEach(() => bed.stop());

  const take = (...all: ReturnType<typeof structure>[]) =>
    bed.take('structure', ...all.map((one): [typeof one, number] => [one, 1]));

  it('tells what the target would receive, and why it has not', async () => {
    const who = person('Lefevre', 'code:LAB');
    await bed.take('person', [who, 1]);
    await bed.settled();
    const explain = async (id: string) => (await bed.get(`/explain/person/${id}`)).body;
    expect(await explain(who.id)).toMatchObject({
      ...{ status: 'waiting', would: 'waiting', inTarget: false, acknowledged: null, attributes: [] },
      why: ['waits for structure code:LAB, which the target does not have'],
    });
    await take(structure('LAB'));
    await until(async () => (await explain(who.id)).status === 'applied', 'the person waits');
    const applied = await explain(who.id);
    expect(applied).toMatchObject({
      would: 'none',
      why: ['the target has acknowledged the newest revision'],
      masked: [],
    });
    expect(applied.attributes.find(({ attribute }: any) => attribute === 'label')).toEqual({
      attribute: 'label',
      rule: 'the long label or the birth name',
      from: [
        { path: 'longLabel', value: null },
        { path: 'birthName', value: 'Lefevre' },
      ],
      ...{ wanted: 'Lefevre', acknowledged: 'Lefevre', standing: 'same' },
    });
    await bed.post('/control/pause');
    await bed.take('person', [{ ...who, birthName: 'Lefebvre' }, 2]);
    expect(await explain(who.id)).toMatchObject({
      ...{ would: 'change', newest: { revision: 2 }, acknowledged: { revision: 1 } },
      why: ['due, but the connector is paused'],
    });
    expect((await bed.get(`/explain/person/${structure('X').id}`)).status).toBe(404);
  });

  describe('says in plain words why the target has not', () => {
    const one = structure('ONE');
    const explain = async (entity = 'structure', id = one.id) => (await bed.get(`/explain/${entity}/${id}`)).body;
    const standsAs = (status: string) => until(async () => (await bed.ledger(one.id))?.status === status, status);
    const works = (work: string) => until(async () => (await bed.get('/control')).body.work === work, work);

    it.each<[string, () => Promise<unknown>, object, unknown[]]>([
      [
        'the target does not answer',
        async () => {
          bed.target.faults.down = true;
          await take(one);
          await works('paused');
        },
        { status: 'due', would: 'create' },
        ['due, but nothing is written for now: the table target is down'],
      ],
      [
        'the credentials are wrong',
        async () => {
          bed.target.faults.locked = true;
          await take(one);
          await works('stopped');
        },
        { status: 'due', would: 'create' },
        ['due, but the connector is stopped: the credentials are wrong'],
      ],
      [
        'it is disabled',
        async () => {
          await bed.post('/control/disable');
          await take(one);
        },
        { status: 'due', would: 'create' },
        ['due, but the connector is disabled'],
      ],
      [
        'the target has put it off',
        async () => {
          bed.target.faults.busy = 10;
          await take(one);
          await until(async () => (await bed.ledger(one.id))?.error != null, 'nothing was put off');
          await bed.post('/control/pause');
          await until(async () => (await bed.ledger(one.id))?.claimed_by === null, 'somebody works on it');
          await bed.dataSource.query(`update ledger set due_at = now() + interval '1 hour'`);
        },
        { status: 'due', would: 'create' },
        [
          expect.stringMatching(/^put off by the target, attempt \d+: busy$/),
          expect.stringMatching(/^to be looked at again at \S+Z because of change$/),
        ],
      ],
      [
        'the target refuses it',
        async () => {
          bed.target.faults.refuses = 'ONE';
          await take(one);
          await standsAs('parked');
        },
        { status: 'parked', would: 'create' },
        [expect.stringMatching(/^parked as TABLE-\w{8}: the target refuses this label$/)],
      ],
      [
        'its mapping fails',
        async () => {
          bed.target.fails = 'Structure ONE';
          await take(one);
          await standsAs('parked');
        },
        { status: 'parked', would: 'failed' },
        [
          expect.stringMatching(/^the mapping fails: the connector failed unexpectedly in /),
          expect.stringMatching(/^parked as TABLE-\w{8}: the connector failed unexpectedly in [^"]*$/),
        ],
      ],
      [
        'a guard holds it',
        async () => {
          const budget = { entity: 'structure', action: 'create', cause: '*', absolute: 0 };
          await bed.call('PUT', '/guards/budgets', { author: 'olga', ...budget });
          await take(one);
          await standsAs('held');
        },
        { status: 'held', would: 'create' },
        ['held back by a guard: create'],
      ],
      [
        'it is out of scope',
        async () => {
          bed.target.skips = 'ONE';
          await take(one);
          await standsAs('skipped');
        },
        { status: 'skipped', would: 'skipped' },
        ['out of scope: the mapping says that this record is none of this target'],
      ],
      [
        'the connector only observes',
        async () => {
          await bed.post('/control/observe');
          await take(one);
          await standsAs('observed');
        },
        { status: 'observed', would: 'create' },
        ['the connector only observes'],
      ],
    ])('%s', async (_, arrange, expected, why) => {
      await arrange();
      const explained = await explain();
      expect(explained).toMatchObject(expected);
      expect(explained.why).toEqual(why);
    });

    it('values cannot be held', async () => {
      const who = person('Lefevre', 'code:GONE');
      await take(structure('GONE', { status: 'deleted' }));
      await bed.settled();
      await bed.take('person', [who, 1]);
      await until(async () => (await bed.ledger(who.id))?.status === 'applied', 'the person waits');
      expect(await explain('person', who.id)).toMatchObject({
        unrepresentable: [{ field: 'code:GONE', message: 'names a structure that this target will not have' }],
        why: [
          'mapped without structure code:GONE, which the target does not have',
          'left out: code:GONE names a structure that this target will not have',
        ],
      });
    });

    it('no name is allocated yet: the first candidate is shown, and none is allocated', async () => {
      await bed.take('person', [person('Lefevre'), 1]);
      await bed.settled();
      await bed.post('/control/pause');
      const who = person('Lefevre');
      await bed.take('person', [who, 1]);
      const explained = await explain('person', who.id);
      expect(explained).toMatchObject({
        would: 'create',
        why: [
          'no name is allocated to it yet: it gets one when it is written, and is shown here with the first candidate',
          'due, but the connector is paused',
        ],
      });
      expect(explained.attributes).toContainEqual(
        expect.objectContaining({ attribute: 'login', wanted: 'lefevre2', standing: 'to be written' }),
      );
      expect(await bed.dataSource.query('select name from allocated_name')).toEqual([{ name: 'lefevre' }]);
    });
  });
});
