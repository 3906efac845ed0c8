import { mapOf } from './map.js';
import { drawMap } from './map.svg.js';
import type { PulseRow } from './overview.sql.js';

const counts = { due: 0, parked: 0, waiting: 0, held: 0, oldestPendingAt: null };
const pulse = (connector: string, changes: Partial<PulseRow> = {}): PulseRow =>
  ({
    ...{ connector, at: new Date(), age: 1, work: 'open', detail: null, observe: false, instances: 1, told: null },
    entities: [{ entity: 'person', ...counts }],
    ...changes,
  }) as PulseRow;
const published = [{ source: 'siham', object: 'person', published: 3 } as const];

it.each([
  ['flows', {}],
  ['observes', { observe: true }],
  ['stands', { work: 'paused' }],
  ['silent', { age: 61 }],
] as const)('says of a connector that it %s', (state, changes) => {
  expect(mapOf(published, [pulse('ldap', changes)]).to).toEqual([{ object: 'person', consumer: 'ldap', state }]);
});

it('leaves out a connector that is disabled, and nothing else', () => {
  const map = mapOf(published, [pulse('ldap'), pulse('caplab', { work: 'disabled' })]);
  expect(map.to.map(({ consumer }) => consumer)).toEqual(['ldap']);
  expect(map.from).toEqual(published);
});

it('draws names as texts, whatever is in them, and says what is empty', () => {
  const names = [{ source: '<script>&"', object: 'person', published: 1 } as const];
  const picture = drawMap(mapOf(names, []), 'en');
  expect(picture).toContain('&lt;script&gt;&amp;&quot; → Persons');
  expect(picture).not.toContain('<script');
  expect(picture).toContain('>none</text>');
  expect(drawMap(mapOf([], []), 'fr')).toMatch(/aucune/);
});
