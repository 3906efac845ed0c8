import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { cause, empty, openTables, says, somebody } from '../../test/bed.js';
import type { Ingested, SourceFact } from './fact.js';
import { ingest } from './ingest.js';
import type { Attributes } from '../tables.js';

let dataSource: DataSource;
let close: () => Promise<void>;

beforeAll(async () => void ({ dataSource, close } = await openTables()));
afterAll(() => close());
afterEach(() => empty(dataSource));

const take = (source: string, ...facts: SourceFact[]): Promise<Ingested[]> => ingest(dataSource, source, facts, cause);

/** What became of one fact, in a word or by the fields at fault. */
const word = (one: Ingested | undefined) =>
  one?.outcome === 'rejected' ? one.faults.map(({ field }) => field).join() : one?.outcome;
const recordOf = (one: Ingested | undefined) => (one && 'recordId' in one ? one.recordId : undefined);

const query = <T extends object>(sql: string): Promise<T[]> => dataSource.query(sql);
const count = async (table: string) => (await query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n;

/** All that a reader can tell of the records, without ids and times: by what calls them, what they are and who says so. */
async function world() {
  const rows = await query<{ state: Attributes; status: string; said: string[]; claims: string[] }>(
    `select r.state, r.status,
            (select array_agg(s.source || '/' || s.source_id || ' ' || s.payload::text order by s.source, s.source_id)
               from link l join source_record s on s.id = l.source_record_id where l.record_id = r.id) as said,
            (select array_agg(i.scheme || ':' || i.value order by i.scheme, i.value)
               from identifier i where i.record_id = r.id) as claims
       from record r`,
  );
  return rows.sort((a, b) => (String(a.said) < String(b.said) ? -1 : 1));
}

/** Whatever happened: histories have no gap, the newest revision is the record, and the outbox holds it. */
async function expectSound(): Promise<void> {
  const broken = await query(
    `select r.id from record r join revision newest on newest.record_id = r.id and newest.revision = r.revision
       left join outbox o on o.entity_id = r.id
      where newest.state <> r.state or newest.status <> r.status or o.revision is distinct from r.revision
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
      { revision: 1, kind: 'created', source: 'siham', correlation_id: 'c-1', state: { birthName: 'Dupré' } },
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
    expect(await query('select state, revision from revision order by revision')).toMatchObject([
      { state: { birthName: 'A' } },
      { state: { birthName: 'B' } },
      { state: { birthName: 'A' } },
    ]);
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
  it('that two sources share makes one record of both', async () => {
    const [hr] = await take('siham', says('1', somebody('A', ['siham:S1'])));
    const [student] = await take('apogee', says('7', somebody('B', ['apogee:7', 'siham:S1'], { sex: 'F' })));
    expect(student).toMatchObject({ outcome: 'updated', recordId: recordOf(hr), revision: 2 });
    expect(await query('select state from record')).toEqual([
      { state: somebody('A', ['siham:S1', 'apogee:7'], { sex: 'F' }) },
    ]);
    expect(await query(`select evidence from link order by linked_at`)).toEqual([
      { evidence: 'new' },
      { evidence: 'siham:S1' },
    ]);
  });

  it('that another record of the same source has is refused, naming the field', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1'])));
    expect((await take('siham', says('2', somebody('B', ['uid:b', 'siham:S1'])))).map(word)).toEqual([
      'identifiers[1].value',
    ]);
    expect(await count('record')).toBe(1);
  });

  it('that another record has is refused to a known one, and nothing of the fact is taken', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1'])), says('2', somebody('B', ['siham:S2'])));
    expect((await take('siham', says('2', somebody('B2', ['siham:S2', 'siham:S1'])))).map(word)).toEqual([
      'identifiers[1].value',
    ]);
    expect(await query(`select state ->> 'birthName' as name from record order by 1`)).toEqual([
      { name: 'A' },
      { name: 'B' },
    ]);
  });

  it('of two records cannot stand in one: both are named', async () => {
    await take('siham', says('1', somebody('A', ['siham:S1'])), says('2', somebody('B', ['siham:S2'])));
    expect((await take('apogee', says('7', somebody('A', ['siham:S1', 'siham:S2'])))).map(word)).toEqual([
      'identifiers[0].value,identifiers[1].value',
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
    expect((await take('siham', says('2', somebody('B', ['uid:a'])))).map(word)).toEqual(['identifiers[0].value']);
  });

  it('of a structure is also its code', async () => {
    const structure = (code: string): Attributes => ({ code, shortLabel: 'a', longLabel: 'a', type: 'S203' });
    await take('siham', says('1', structure('DSI')));
    expect((await take('siham', says('2', structure('DSI')))).map(word)).toEqual(['code']);
    expect((await take('apogee', says('9', { ...structure('DSI'), longLabel: 'b' }))).map(word)).toEqual(['updated']);
    expect(await count('record')).toBe(1);
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
    expect(outcomes.map(word)).toEqual(['updated', 'identifiers[0].value']);
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
      ...Array.from({ length: 300 }, () => 'identifiers[0].value'),
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
