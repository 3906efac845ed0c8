import { Bed, person, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

describe('what operators do with a connector', () => {
  let bed: Bed;
  beforeEach(async () => (bed = await Bed.start()));
  afterEach(() => bed.stop());

  const take = (...all: ReturnType<typeof structure>[]) =>
    bed.take('structure', ...all.map((one): [typeof one, number] => [one, 1]));
  const rows = async () => Object.keys(await bed.target.rows()).length;

  describe('parked entities', () => {
    const bad = Array.from({ length: 5 }, (_, i) => structure(`B${i}`, { longLabel: `bad ${i}` }));
    beforeEach(async () => {
      bed.target.faults.refuses = 'bad';
      await take(...bad, structure('GOOD'));
      await bed.settled();
    });

    it('are listed, grouped by a cause that is the same for all of its kind, and found by a short reference', async () => {
      const { body: groups } = await bed.get('/parked/groups');
      expect(groups.items).toHaveLength(1);
      const [{ fingerprint, count, error }] = groups.items;
      expect([count, error]).toEqual([
        5,
        { name: 'Rejected', message: 'the target refuses this label', attributes: ['label'] },
      ]);
      const { body: page } = await bed.get(`/parked?fingerprint=${fingerprint}&entity=structure`);
      expect(page.items).toHaveLength(5);
      const [{ ticket }] = page.items;
      expect(ticket).toMatch(/^TABLE-[2-9A-Z]{8}$/);
      expect((await bed.get(`/parked/${ticket.toLowerCase()}`)).body).toMatchObject({
        ticket,
        fingerprint,
        attempts: 1,
      });
      expect(JSON.stringify(page)).not.toContain('bad ');
      expect((await bed.get('/parked/TABLE-XXXXXXXX')).status).toBe(404);
    });

    it('are retried one, a group or all; whoever has a ticket keeps it while the reason is the same', async () => {
      const { body: page } = await bed.get('/parked');
      const [first, second] = page.items as [{ ticket: string; fingerprint: string }, { ticket: string }];
      expect((await bed.post('/parked/retry', { tickets: [first.ticket] })).body).toEqual({ retried: 1 });
      await bed.settled();
      expect((await bed.get(`/parked/${first.ticket}`)).body).toMatchObject({ attempts: 1 });
      bed.target.faults.refuses = undefined;
      await bed.post('/parked/retry', { tickets: [second.ticket] });
      await bed.settled();
      expect(await rows()).toBe(2);
      expect((await bed.get(`/parked/${second.ticket}`)).status).toBe(404);
      expect((await bed.post('/parked/retry', { fingerprint: first.fingerprint })).body).toEqual({ retried: 4 });
      await bed.settled();
      expect(await rows()).toBe(6);
    });

    it('are retried and dismissed by group: of one cause and one kind', async () => {
      await bed.take('person', [person('bad'), 1], [person('very bad'), 1]);
      await bed.settled();
      const { body: groups } = await bed.get('/parked/groups');
      const [{ fingerprint }] = groups.items;
      expect(groups.items).toMatchObject([
        { fingerprint, entity: 'structure', count: 5 },
        { fingerprint, entity: 'person', count: 2 },
      ]);
      bed.target.faults.refuses = undefined;
      expect((await bed.post('/parked/retry', { fingerprint, entity: 'person' })).body).toEqual({ retried: 2 });
      await bed.settled();
      expect(await rows()).toBe(3);
      const order = { fingerprint, reason: 'test data' };
      expect((await bed.post('/parked/dismiss', { ...order, entity: 'person' })).body).toEqual({ dismissed: 0 });
      expect((await bed.post('/parked/dismiss', { ...order, entity: 'structure' })).body).toEqual({ dismissed: 5 });
    });

    it('are dismissed with a reason, and come back when they change', async () => {
      expect((await bed.post('/parked/dismiss', { all: true })).body.errors).toEqual([
        { field: 'reason', message: 'is required to dismiss' },
      ]);
      expect((await bed.post('/parked/dismiss', { all: true, reason: 'test data' })).body).toEqual({ dismissed: 5 });
      expect((await bed.get('/parked')).body.items).toEqual([]);
      const { body } = await bed.get('/parked?status=dismissed');
      expect(body.items[0].dismissal).toMatchObject({ author: 'olga', reason: 'test data' });
      await bed.take('structure', [{ ...bad[0]!, longLabel: 'good' }, 2]);
      await bed.settled();
      expect(await bed.ledger(bad[0]!.id)).toMatchObject({ status: 'applied', dismissal: null, ticket: null });
      expect((await bed.post('/parked/retry', { all: true, fingerprint: 'a'.repeat(12) })).status).toBe(422);
    });
  });

  it('what a defect of the mapping has parked can be dismissed', async () => {
    bed.target.faults.breaks = 'broken';
    const broken = structure('BROKEN', { longLabel: 'broken' });
    await take(broken);
    await until(async () => (await bed.ledger(broken.id))?.status === 'parked', 'it is not parked');
    await bed.settled();
    expect((await bed.post('/parked/dismiss', { all: true, reason: 'known' })).body).toEqual({ dismissed: 1 });
    bed.target.faults.breaks = undefined;
    await take(structure('NEXT'));
    await bed.settled();
    expect(await bed.ledger(broken.id)).toMatchObject({ status: 'dismissed', due_at: null });
  });

  it('what is retried, released or written by the many lets live changes pass; one alone does not wait', async () => {
    bed.target.faults.refuses = 'bad';
    const many = Array.from({ length: 4 }, (_, i) => structure(`M${i}`, { longLabel: `bad ${i}` }));
    await take(...many);
    await bed.settled();
    const changed = many[0]!;
    const { body: page } = await bed.get('/parked');
    const { ticket, id: alone } = page.items.find(({ id }: { id: string }) => id !== changed.id);
    const priorities = async () =>
      Object.fromEntries(
        await Promise.all(many.map(async ({ id }) => [id, (await bed.ledger(id))?.priority as number] as const)),
      );
    await bed.post('/control/pause');
    await bed.take('structure', [{ ...changed, longLabel: 'good' }, 2]);
    await bed.post('/parked/retry', { all: true });
    const expected = Object.fromEntries(many.map(({ id }) => [id, id === changed.id ? 0 : 10]));
    expect(await priorities()).toEqual(expected);
    await bed.post('/parked/retry', { tickets: [ticket] });
    expect(await priorities()).toEqual({ ...expected, [alone]: 0 });

    await bed.post('/control/observe');
    await bed.post('/control/resume');
    await bed.settled();
    await bed.post('/control/write');
    await bed.settled();
    expect(await bed.ledger(changed.id)).toMatchObject({ status: 'applied', priority: 10 });
  });

  it('pause, maintenance and disabling hold writes back while states are still taken', async () => {
    await bed.post('/control/pause', { reason: 'the target is being upgraded' });
    await take(structure('P'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await rows()).toBe(0);
    expect((await bed.get('/control')).body).toMatchObject({
      work: 'paused',
      pause: { author: 'olga', reason: 'the target is being upgraded' },
    });
    await bed.post('/control/resume');
    await bed.settled();
    expect(await rows()).toBe(1);

    const [starts, ends] = [new Date(Date.now() - 1000).toISOString(), new Date(Date.now() + 1500).toISOString()];
    await bed.call('PUT', '/control/maintenance', { author: 'olga', windows: [{ starts, ends }] });
    await take(structure('M'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await bed.get('/control')).body.work).toBe('maintenance');
    expect(await rows()).toBe(1);
    await bed.settled();
    expect(await rows()).toBe(2);

    await bed.post('/control/disable');
    await take(structure('D'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([(await bed.get('/control')).body.work, await rows()]).toEqual(['disabled', 2]);
    await bed.post('/control/enable');
    await bed.settled();
    expect(await rows()).toBe(3);
    expect((await bed.post('/control/explode')).status).toBe(404);
  });

  it('a pause is over at its end, and weekly maintenance on the days that it does not name', async () => {
    await bed.post('/control/pause', { until: new Date(Date.now() + 1500).toISOString() });
    await take(structure('U'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([(await bed.get('/control')).body.work, await rows()]).toEqual(['paused', 0]);
    await bed.settled();
    expect(await rows()).toBe(1);

    const maintain = (...days: number[]) =>
      bed.call('PUT', '/control/maintenance', { author: 'olga', windows: [{ days, from: '00:00', to: '00:00' }] });
    await maintain(1, 2, 3, 4, 5, 6, 7);
    await take(structure('W'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([(await bed.get('/control')).body.work, await rows()]).toEqual(['maintenance', 1]);
    // Three days from now.
    await maintain(((new Date().getDay() + 2) % 7) + 1);
    await bed.settled();
    expect(await rows()).toBe(2);
  });

  it('observing notes every difference, against what really stands in the target, and writes none', async () => {
    const [same, other, missing] = [structure('SAME'), structure('OTHER'), structure('MISSING')];
    await bed.dataSource.query(`insert into target values ('structure', $1, $2), ('structure', $3, $4)`, [
      ...[same.id, JSON.stringify({ label: same.longLabel }), other.id, '{"label":"older"}'],
    ]);
    await bed.post('/control/observe');
    await take(same, other, missing);
    await bed.settled();
    expect((await bed.target.calls()).filter(({ kind }) => kind !== 'read')).toEqual([]);
    expect(await bed.ledger(same.id)).toMatchObject({ status: 'applied', target_id: same.id });
    const { body } = await bed.get('/troubles?kind=observed');
    expect(body.items.map(({ id, action, changed }: any) => [id, action, changed]).sort()).toEqual(
      [
        [other.id, 'change', ['label']],
        [missing.id, 'create', ['label']],
      ].sort(),
    );
    await bed.post('/control/write');
    await bed.settled();
    expect(
      (await bed.target.calls())
        .filter(({ kind }) => kind !== 'read')
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['create', 'modify']);
    expect((await bed.get('/troubles?kind=observed')).body.items).toEqual([]);
  });

  it('wrong credentials stop the connector instead of parking what it has to do', async () => {
    await take(structure('A'));
    await bed.settled();
    bed.target.faults.locked = true;
    const all = Array.from({ length: 300 }, (_, i) => structure(`W${i}`));
    await take(...all);
    await until(async () => (await bed.get('/control')).body.work === 'stopped', 'it does not stop');
    expect((await bed.get('/parked')).body.items).toEqual([]);
    expect((await bed.get('/check')).body.target).toEqual({
      ...{ ok: false, problem: 'settings or credentials', detail: 'the credentials are wrong' },
    });
    bed.target.faults.locked = false;
    await bed.settled();
    expect(await rows()).toBe(301);
    expect((await bed.get('/check')).body).toEqual({ settings: { ok: true }, target: { ok: true } });
  });

  it('who used a structure is mapped again when it changes, and nobody else', async () => {
    const [unit, other] = [structure('UNIT'), structure('OTHER')];
    const users = Array.from({ length: 30 }, (_, i) => person(`User${i}`, 'code:UNIT'));
    const stranger = person('Stranger', 'code:OTHER');
    await take(unit, other);
    await bed.take('person', ...users.map((one): [typeof one, number] => [one, 1]), [stranger, 1]);
    await bed.settled();
    const before = (await bed.target.calls()).length;
    await bed.take('structure', [{ ...unit, code: 'UNITE', identifiers: [{ scheme: 'code', value: 'UNIT' }] }, 2]);
    await until(async () => (await bed.target.rows())[users[29]!.id]?.code === 'UNITE', 'the users keep the old code');
    await bed.settled();
    const calls = (await bed.target.calls()).slice(before);
    expect(
      calls
        .filter(({ entity }) => entity === 'person')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(users.map(({ id }) => id).sort());
    expect(Object.values(await bed.target.rows()).filter(({ code }) => code === 'UNITE')).toHaveLength(30);
  });

  it('a person and a structure that name each other both arrive', async () => {
    const head = person('Head', 'code:LAB');
    const lab = structure('LAB', { extensions: { head: `hub:${head.id}` } });
    await bed.take('person', [head, 1]);
    await take(lab);
    await until(async () => (await bed.target.rows())[lab.id]?.head === head.id, 'the structure lacks its head');
    expect((await bed.target.rows())[head.id]).toMatchObject({ structures: [lab.id] });
  });

  it('a reference that will never arrive holds nobody for ever, and is reported', async () => {
    const gone = structure('GONE', { status: 'deleted' });
    const who = person('Waiter', 'code:GONE');
    await bed.take('person', [who, 1]);
    await bed.settled();
    expect(await bed.ledger(who.id)).toMatchObject({ status: 'waiting' });
    await take(gone);
    await until(async () => (await bed.ledger(who.id))?.status === 'applied', 'the person waits for ever');
    const { body } = await bed.get('/troubles?kind=unrepresentable');
    expect(body.items).toEqual([
      expect.objectContaining({
        id: who.id,
        unrepresentable: [{ field: 'code:GONE', message: 'names a structure that this target will not have' }],
      }),
    ]);
    await bed.take('structure', [{ ...gone, status: 'active' }, 2]);
    await until(async () => (await bed.ledger(who.id))?.unrepresentable === null, 'the report stays');
  });

  it('who names a record that is gone is written without it, and reported', async () => {
    const [gone, other] = [structure('GONE'), structure('OTHER')];
    await take(gone, other);
    const [byCode, byId] = [person('Code', 'code:GONE', 'code:OTHER'), person('Hub', `hub:${gone.id}`)];
    await bed.take('person', [byCode, 1], [byId, 1]);
    await bed.settled();
    await bed.take('structure', [{ id: gone.id }, 2]);
    const late = person('Late', 'code:GONE');
    await bed.take('person', [{ ...byCode, birthName: 'Changed' }, 2], [late, 1]);
    const reported = async () => (await bed.get('/troubles?kind=unrepresentable')).body.items;
    await until(async () => (await reported()).length === 3, 'they wait for it');
    await bed.settled();
    expect((await bed.target.rows())[byCode.id]).toMatchObject({ label: 'Changed', structures: ['', other.id] });
    expect((await bed.target.rows())[late.id]).toMatchObject({ structures: [''] });
    expect(await bed.ledger(byId.id)).toMatchObject({
      status: 'applied',
      unrepresentable: [{ field: `hub:${gone.id}`, message: 'names a structure that this target will not have' }],
    });
    await bed.take('structure', [gone, 3]);
    await until(async () => (await reported()).length === 0, 'the reports stay');
    expect((await bed.target.rows())[late.id]).toMatchObject({ structures: [gone.id] });
  });

  it('who waits for one record and names another that will not arrive rests until the first one comes', async () => {
    const gone = structure('GONE', { status: 'deleted' });
    const who = person('Waiter', 'code:GONE', 'code:LATE');
    await take(gone);
    await bed.settled();
    await bed.take('person', [who, 1]);
    await bed.settled();
    expect(await bed.ledger(who.id)).toMatchObject({ status: 'waiting', waits_for: ['structure|code:LATE'] });
    const late = structure('LATE');
    await take(late);
    await until(async () => (await bed.ledger(who.id))?.status === 'applied', 'the person waits');
    expect((await bed.target.rows())[who.id]).toMatchObject({ structures: ['', late.id] });
    await bed.take('structure', [{ ...gone, status: 'active' }, 2]);
    await until(async () => (await bed.ledger(who.id))?.unrepresentable === null, 'the report stays');
  });

  it('says on which day it looks again at what waits', async () => {
    const who = person('Ends');
    const roles = { external: [{ population: 'PXSS', structure: 'code:LAB', to: '2099-12-30' }] };
    await bed.take('person', [{ ...who, roles }, 1]);
    await bed.settled();
    expect((await bed.get(`/explain/person/${who.id}`)).body.why).toEqual([
      'waits for structure code:LAB, which the target does not have',
      'to be looked at again at 2099-12-30T23:00:00.000Z because of date',
    ]);
  });
});
