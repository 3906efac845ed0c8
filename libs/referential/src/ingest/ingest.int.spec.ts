import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { empty, intake, openTables, says, somebody } from '../../test/bed.js';
import type { Ingested, SourceFact } from './fact.js';
import { ingest } from './ingest.js';
import type { Attributes } from '../tables.js';

let dataSource: DataSource;
let close: () => Promise<void>;

beforeAll(async () => void ({ dataSource, close } = await openTables()));
afterAll(() => close());
afterEach(() => empty(dataSource));

const take = (source: string, ...facts: SourceFact[]): Promise<Ingested[]> => ingest(dataSource, facts, intake(source));

/** What became of one fact, in a word or by the fields at fault. */
const word = (one: Ingested | undefined) =>
  one?.outcome === 'rejected' ? one.faults.map(({ field }) => field).join() : one?.outcome;
const recordOf = (one: Ingested | undefined) => (one && 'recordId' in one ? one.recordId : undefined);

const query = <T extends object>(sql: string): Promise<T[]> => dataSource.query(sql);
const count = async (table: string) => (await query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n;

const tasks = () =>
  query(`select kind, key, cardinality(others) as others, detail, status from task order by opened_at, key`);

/** All that a reader can tell of the records, without ids and times: by what calls them, what they are and who says so. */
async function world() {
  const rows = await query<{ state: Attributes; status: string; said: string[]; claims: string[] }>(
    `select r.state, r.status,
            (select array_agg(s.source || '/' || s.source_id || ' ' || s.payload::text order by s.source, s.source_id)
               from link l join source_record s on s.id = l.source_record_id where l.record_id = r.id) as said,
            (select array_agg(i.scheme || ':' || i.value order by i.scheme, i.value)
               from identifier i where i.record_id = r.id) as claims,
            (select array_agg(t.kind || ' ' || t.key || ' ' || t.detail order by t.kind, t.key)
               from task t where t.subject = r.id and t.status = 'open') as tasks
       from record r
      union all
     select s.payload, 'waits', array[s.source || '/' || s.source_id], null,
            (select array_agg(t.kind || ' ' || t.key || ' ' || t.detail order by t.kind, t.key)
               from task t where t.subject = s.id and t.status = 'open')
       from source_record s where s.id not in (select source_record_id from link)`,
  );
  return rows.sort((a, b) => (String(a.said) < String(b.said) ? -1 : 1));
}

/** Whatever happened: histories have no gap, the newest revision is the record, and the outbox holds it. */
async function expectSound(): Promise<void> {
  const broken = await query(
    `select r.id from record r join revision newest on newest.record_id = r.id and newest.revision = r.revision
       left join outbox o on o.entity_id = r.id
      where newest.state is not null or newest.status <> r.status or o.revision is distinct from r.revision
         or r.revision <> (select count(*) from revision v where v.record_id = r.id)`,
  );
  expect(broken).toEqual([]);
  expect(await count('record')).toBe(await count('outbox'));
  expect(await query(`select record_id from revision where record_id not in (select id from record)`)).toEqual([]);
}

describe('a fact', () => {
  it('makes a record, with its history and something to publish', async () => {
    const [made] = await take('siham', says('1', somebody('Dupré', ['siham:S1']), 4));
    expect(made).toMatchObject({ outcome: 'created', revision: 1 });
    expect(await query('select * from record')).toMatchObject([
      { id: recordOf(made), status: 'active', revision: 1, state: somebody('Dupré', ['siham:S1']) },
    ]);
    expect(await query('select * from revision')).toMatchObject([
      { revision: 1, kind: 'created', source: 'siham', correlation_id: 'c-1', state: null },
    ]);
    expect(await query('select * from outbox')).toMatchObject([
      { revision: 1, kind: 'created', cause: { correlationId: 'c-1', origin: 'siham' } },
    ]);
  });

  it('that is repeated changes nothing', async () => {
    await take('siham', says('1', somebody('A')));
    const [again] = await take('siham', says('1', somebody('A')));
    expect(again).toMatchObject({ outcome: 'unchanged', revision: 1 });
    expect(await count('revision')).toBe(1);
  });

  it('is told from the one before only: A, B, A are three', async () => {
    const outcomes = [];
    for (const [name, version] of [
      ['A', 1],
      ['B', 2],
      ['A', 3],
      ['A', 3],
      ['A', 4],
    ] as const) {
      outcomes.push(word((await take('siham', says('1', somebody(name), version)))[0]));
    }
    expect(outcomes).toEqual(['created', 'updated', 'updated', 'unchanged', 'unchanged']);
    // The present state stands in the record alone; what came before is kept.
    expect(await query('select state, revision from revision order by revision')).toMatchObject([
      { state: { birthName: 'A' } },
      { state: { birthName: 'B' } },
      { state: null },
    ]);
    expect(await query('select n, version::int, payload from source_version order by n')).toMatchObject([
      { n: 1, version: 1, payload: { birthName: 'A' } },
      { n: 2, version: 2, payload: { birthName: 'B' } },
    ]);
    expect(await query('select n, version::int from source_record')).toEqual([{ n: 3, version: 4 }]);
  });

  it('that is older than the newest heard is not taken, even when the newest said nothing new', async () => {
    await take('siham', says('1', somebody('A'), 3));
    await take('siham', says('1', somebody('A'), 7));
    expect((await take('siham', says('1', somebody('B'), 5))).map(word)).toEqual(['stale']);
    expect((await take('siham', says('1', somebody('B'), 8))).map(word)).toEqual(['updated']);
    await expectSound();
  });

  it('without a version is taken in the order of arrival, and does not lower the version', async () => {
    await take('siham', says('1', somebody('A'), 3));
    expect((await take('siham', says('1', somebody('B')))).map(word)).toEqual(['updated']);
    expect((await take('siham', says('1', somebody('C'), 2))).map(word)).toEqual(['stale']);
  });

  it('keeps every character that it was given', async () => {
    const odd = 'tab\t newline\n return\r back\\slash \\N \\. "quotes" é 😀 \u2028 \x01';
    const payload = somebody(odd, [], { extensions: { [`k`]: [odd, 0.1, -0, 1e21, null, true, {}] } });
    await take('siham', says(`id ${odd}`, payload));
    expect(await query('select source_id from source_record')).toEqual([{ source_id: `id ${odd}` }]);
    expect((await query<{ state: Attributes }>('select state from record'))[0]?.state).toEqual(
      JSON.parse(JSON.stringify(payload)),
    );
    expect((await take('siham', says(`id ${odd}`, payload))).map(word)).toEqual(['unchanged']);
  });
});

describe('an identifier', () => {
  it('that two sources share makes one record of both, and a task where they disagree', async () => {
    const [hr] = await take('siham', says('1', somebody('A', ['siham:S1'])));
    const [student] = await take('apogee', says('7', somebody('A', ['apogee:7', 'siham:S1'], { sex: 'F' })));
    expect(student).toMatchObject({ outcome: 'updated', recordId: recordOf(hr), revision: 2 });
    expect(await query('select state from record')).toEqual([
      { state: somebody('A', ['apogee:7', 'siham:S1'], { sex: 'F' }) },
    ]);
    expect(await query(`select evidence from link order by linked_at`)).toEqual([
      { evidence: 'new' },
      { evidence: 'siham:S1' },
    ]);
    expect(await tasks()).toEqual([]);
    await take('siham', says('1', somebody('B', ['siham:S1'])));
    const tie = { kind: 'tie', key: 'birthName', others: 0, detail: { sources: ['apogee:7', 'siham:1'] } };
    expect(await tasks()).toEqual([{ ...tie, status: 'open' }]);
    await take('siham', says('1', somebody('A', ['siham:S1'])));
    expect(await tasks()).toEqual([{ ...tie, status: 'obsolete' }]);
  });

  it('that another record of the same source has makes the second one wait for a steward', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1'])));
    const second = says('2', somebody('B', ['uid:b', 'siham:S1']));
    expect((await take('siham', second, second)).map(word)).toEqual(['suspected', 'suspected']);
    expect(await count('record')).toBe(1);
    expect(await query('select source_id from source_record order by 1')).toEqual([
      { source_id: '1' },
      { source_id: '2' },
    ]);
    expect(await tasks()).toEqual([
      {
        ...{ kind: 'contradiction', key: 'siham:2', others: 1, status: 'open' },
        detail: { source: 'siham', fields: ['identifiers[1].value'] },
      },
    ]);
    // It corrects itself: a record of its own, and nothing left to decide.
    expect((await take('siham', says('2', somebody('B', ['uid:b'])))).map(word)).toEqual(['created']);
    expect(await tasks()).toMatchObject([{ status: 'obsolete' }]);
    expect(await query('select n from source_record order by source_id')).toEqual([{ n: 1 }, { n: 2 }]);
    await expectSound();
  });

  it('that another record has is not given to a known one, which takes the rest, until it comes free', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1'])), says('2', somebody('B', ['siham:S2'])));
    expect((await take('siham', says('2', somebody('B2', ['siham:S2', 'siham:S1'])))).map(word)).toEqual(['updated']);
    const names = () =>
      query(`select state ->> 'birthName' as name, state -> 'identifiers' as identifiers from record order by 1`);
    expect(await names()).toMatchObject([
      { name: 'A', identifiers: [{ value: 'S1' }] },
      { name: 'B2', identifiers: [{ value: 'S2' }] },
    ]);
    expect(await tasks()).toMatchObject([{ kind: 'identifier', key: 'siham:S1', others: 1, status: 'open' }]);
    await take('siham', says('1', somebody('A', ['uid:a'])));
    const reminded = `select state ->> 'birthName' as name from reminder join record on record.id = record_id`;
    expect(await query(reminded)).toEqual([{ name: 'B2' }]);
  });

  it('of two records cannot stand in one: it waits', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1'])), says('2', somebody('B', ['siham:S2'])));
    expect((await take('apogee', says('7', somebody('A', ['siham:S1', 'siham:S2'])))).map(word)).toEqual(['suspected']);
    expect(await tasks()).toMatchObject([
      { kind: 'contradiction', others: 2, detail: { fields: ['identifiers[0].value', 'identifiers[1].value'] } },
    ]);
  });

  it('that is given up can be taken by another', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1', 'uid:a'])));
    await take('siham', says('1', somebody('A', ['siham:S1'])));
    expect((await take('siham', says('2', somebody('B', ['uid:a'])))).map(word)).toEqual(['created']);
  });

  it('that is given up stays while another source of the record names it', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1', 'uid:a'])));
    await take('apogee', says('7', somebody('A', ['siham:S1', 'uid:a'])));
    await take('siham', says('1', somebody('A', ['siham:S1'])));
    expect((await take('siham', says('2', somebody('B', ['uid:a'])))).map(word)).toEqual(['suspected']);
  });

  it('of a structure is also its code', async () => {
    const structure = (code: string): Attributes => ({ code, shortLabel: 'a', longLabel: 'a', type: 'S203' });
    await take('siham', says('1', structure('DSI')));
    expect((await take('siham', says('2', structure('DSI')))).map(word)).toEqual(['suspected']);
    await take('siham', says('3', structure('DRH')));
    expect((await take('siham', says('3', structure('DSI')))).map(word)).toEqual(['code']);
    expect((await take('apogee', says('9', { ...structure('DSI'), longLabel: 'b' }))).map(word)).toEqual(['updated']);
    expect(await count('record')).toBe(2);
  });
});

describe('a chunk', () => {
  it('takes what one source record says twice in its order', async () => {
    const outcomes = await take('siham', says('1', somebody('A')), says('1', somebody('B')), says('1', somebody('A')));
    expect(outcomes.map(word)).toEqual(['created', 'updated', 'updated']);
    expect(await query('select revision, state from record')).toMatchObject([
      { revision: 3, state: { birthName: 'A' } },
    ]);
    expect(await query('select kind, revision from outbox')).toEqual([{ kind: 'created', revision: 3 }]);
  });

  it('hears the version of what is repeated in it', async () => {
    await take('siham', says('1', somebody('A'), 1), says('2', somebody('B', ['uid:b'])));
    const outcomes = await take(
      'siham',
      says('1', somebody('A'), 3),
      says('1', somebody('A'), 5),
      says('1', somebody('C'), 4),
      says('1', somebody('C', ['uid:b']), 4),
    );
    expect(outcomes.map(word)).toEqual(['unchanged', 'unchanged', 'stale', 'stale']);
    expect((await take('siham', says('1', somebody('C'), 4))).map(word)).toEqual(['stale']);
  });

  it('lets an identifier pass from one record to the next', async () => {
    await take('siham', says('1', somebody('A', ['uid:a'])), says('2', somebody('B', ['uid:b'])));
    const outcomes = await take('siham', says('1', somebody('A', ['uid:c'])), says('2', somebody('B', ['uid:a'])));
    expect(outcomes.map(word)).toEqual(['updated', 'updated']);
    await expectSound();
  });

  it('says the same of the second newcomer to a record as if it had come alone', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1', 'uid:a'])));
    const outcomes = await take('apogee', says('7', somebody('A', ['siham:S1'])), says('8', somebody('A', ['uid:a'])));
    expect(outcomes.map(word)).toEqual(['updated', 'suspected']);
  });

  it('gives the same records, outcomes and states as its facts one by one, whatever its size', async () => {
    const said = fc.record({
      source: fc.constantFrom('siham', 'apogee', 'pegase'),
      sourceId: fc.constantFrom('1', '2', '3', '4'),
      version: fc.option(fc.nat(4), { freq: 3 }),
      name: fc.constantFrom('A', 'B'),
      keys: fc.uniqueArray(fc.constantFrom('uid:a', 'uid:b', 'uid:c', 'uid:d', 'uid:e'), { maxLength: 2 }),
    });
    const facts = fc.array(said, { minLength: 5, maxLength: 16 });
    await fc.assert(
      fc.asyncProperty(facts, fc.integer({ min: 2, max: 16 }), async (given, size) => {
        const results = [];
        for (const chunk of [1, size]) {
          await empty(dataSource);
          const outcomes = [];
          // A chunk holds facts of one source, so a change of source ends it.
          for (let start = 0, end = 0; start < given.length; start = end) {
            const source = given[start]?.source ?? '';
            for (end = start; end < given.length && end - start < chunk && given[end]?.source === source;) end++;
            const part = given
              .slice(start, end)
              .map((one) => says(one.sourceId, somebody(one.name, one.keys), one.version));
            outcomes.push(...(await take(source, ...part)).map(word));
          }
          await expectSound();
          results.push({ outcomes, world: await world() });
        }
        expect(results[1]).toEqual(results[0]);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it('of thousands is taken whole', async () => {
    const many = Array.from({ length: 2000 }, (_, n) => says(`${n}`, somebody(`N${n}`, [`siham:S${n}`])));
    expect(new Set((await take('siham', ...many)).map(word))).toEqual(new Set(['created']));
    expect(await count('identifier')).toBe(2000);
    await expectSound();
  });
});

describe('sixteen writers at once', () => {
  const WRITERS = Array.from({ length: 16 }, (_, n) => n);

  it('on the same source records make no duplicate and lose no revision', async () => {
    const newest = new Map<string, number>();
    await Promise.all(
      WRITERS.map(async (writer) => {
        for (let n = 0; n < 6; n++) {
          const version = n * 16 + writer;
          const facts = ['1', '2', '3', '4', '5'].map((id) =>
            says(id, somebody(`V${version}`, [`siham:S${id}`]), version),
          );
          // Each writer goes through them its own way.
          const start = writer % 5;
          for (const one of await take('siham', ...facts.slice(start), ...facts.slice(0, start))) {
            expect(one.outcome).not.toBe('rejected');
          }
          for (const { sourceId } of facts) newest.set(sourceId, Math.max(newest.get(sourceId) ?? 0, version));
        }
      }),
    );
    expect(await count('record')).toBe(5);
    expect(
      await query(`select source_id, version::int, payload ->> 'birthName' as name from source_record order by 1`),
    ).toEqual([...newest].sort().map(([source_id, version]) => ({ source_id, version, name: `V${version}` })));
    expect(await query(`select distinct state ->> 'birthName' as name from record`)).toEqual([{ name: 'V95' }]);
    await expectSound();
  });

  it('from as many sources on the same identifiers make one record of each', async () => {
    const keys = Array.from({ length: 20 }, (_, n) => `siham:S${n}`);
    const outcomes = await Promise.all(
      WRITERS.map((writer) => {
        const facts = keys.map((key, n) => says(`${writer}-${n}`, somebody(`W${writer}`, [key])));
        return take(`source-${writer}`, ...(writer % 2 ? facts : facts.reverse()));
      }),
    );
    expect(outcomes.flat().filter(({ outcome }) => outcome === 'rejected')).toEqual([]);
    expect(await count('record')).toBe(20);
    expect(await count('link')).toBe(320);
    await expectSound();
  });

  it('of one source on the same new identifiers let exactly one have each', async () => {
    const keys = Array.from({ length: 20 }, (_, n) => `siham:S${n}`);
    const outcomes = await Promise.all(
      WRITERS.map((writer) =>
        take('siham', ...keys.map((key, n) => says(`${writer}-${n}`, somebody(`W${writer}`, [key])))),
      ),
    );
    expect(outcomes.flat().map(word).sort()).toEqual([
      ...Array.from({ length: 20 }, () => 'created'),
      ...Array.from({ length: 300 }, () => 'suspected'),
    ]);
    await expectSound();
  });

  it('that pass identifiers around never leave one with two records', async () => {
    await Promise.all(
      WRITERS.map(async (writer) => {
        for (let n = 0; n < 5; n++) {
          const keys = [`uid:k${(writer + n) % 8}`, `uid:k${(writer * 3 + n) % 8}`];
          await take(`source-${writer % 3}`, says(`${writer}`, somebody('A', [...new Set(keys)])));
        }
      }),
    );
    const stray = await query(
      `select i.scheme, i.value from identifier i
        where not exists (select from link l join source_record s on s.id = l.source_record_id
                           where l.record_id = i.record_id
                             and s.payload -> 'identifiers' @> jsonb_build_array(jsonb_build_object('scheme', i.scheme, 'value', i.value)))`,
    );
    expect(stray).toEqual([]);
    await expectSound();
  });
});
