import type { Entity } from '@myelin/contracts';
import type { ApplicationMap, ConsumerEdge } from './map.views.js';

export const LANGUAGES = ['en', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];

interface Texts {
  readonly title: string;
  readonly columns: readonly string[];
  readonly objects: Readonly<Record<Entity, string>>;
  readonly states: Readonly<Record<ConsumerEdge['state'], string>>;
  readonly none: string;
}

const TEXTS = {
  en: {
    title: 'Who gives and who receives which records',
    columns: ['Sources', 'Records', 'Applications'],
    objects: { person: 'Persons', structure: 'Structures', 'third-party': 'Third parties' },
    states: { flows: '', observes: 'observes', stands: 'stands still', silent: 'silent' },
    none: 'none',
  },
  fr: {
    title: 'Qui donne et qui reçoit quelles fiches',
    columns: ['Sources', 'Fiches', 'Applications'],
    objects: { person: 'Personnes', structure: 'Structures', 'third-party': 'Tiers' },
    states: { flows: '', observes: 'observe', stands: 'à l’arrêt', silent: 'muet' },
    none: 'aucune',
  },
} as const satisfies Record<Language, Texts>;

const BOX = { width: 200, height: 40, gap: 16 };
const COLUMN = 320;
const TOP = 72;
const MARGIN = 24;

/** A column of boxes, by the name of what each stands for. */
type Column = ReadonlyMap<string, { readonly label: string; readonly x: number; readonly y: number }>;

/** The map as a picture (SVG 1.1): sources on the left, applications on the right; what does not flow now is dashed. */
export function drawMap({ objects, from, to }: ApplicationMap, language: Language): string {
  const { title, columns, objects: names, states, none } = TEXTS[language];
  const sources = columnOf(
    0,
    distinct(from.map(({ source }) => source)).map((name) => [name, name]),
  );
  const records = columnOf(
    1,
    objects.map((object) => [object, names[object]]),
  );
  const consumers = columnOf(
    2,
    distinct(to.map(({ consumer }) => consumer)).map((name) => [name, name]),
  );
  const rows = Math.max(sources.size, records.size, consumers.size, 1);
  const [width, height] = [2 * MARGIN + 2 * COLUMN + BOX.width, TOP + rows * (BOX.height + BOX.gap) + MARGIN];
  const lines = [
    ...from.map(({ source, object }) =>
      line(sources.get(source)!, records.get(object)!, true, `${source} → ${names[object]}`),
    ),
    ...to.map(({ object, consumer, state }) => {
      const told = states[state] === '' ? '' : ` (${states[state]})`;
      return line(
        records.get(object)!,
        consumers.get(consumer)!,
        state === 'flows',
        `${names[object]} → ${consumer}${told}`,
      );
    }),
  ];
  const heads = columns.map(
    (text, i) =>
      `<text class="head" x="${MARGIN + i * COLUMN + BOX.width / 2}" y="${TOP - 20}">${escaped(text)}</text>`,
  );
  const empty = [sources, records, consumers].flatMap((column, i) =>
    column.size > 0
      ? []
      : [`<text x="${MARGIN + i * COLUMN + BOX.width / 2}" y="${TOP + BOX.height / 2 + 5}">${none}</text>`],
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" lang="${language}">
<title>${escaped(title)}</title>
<style>
text { font: 14px system-ui, sans-serif; text-anchor: middle; fill: #1b2733 }
.head { font-weight: 600 }
rect { fill: #f4f7fa; stroke: #51687d; rx: 6px }
path { fill: none; stroke: #2f6fa7; stroke-width: 2 }
.still { stroke: #a3512b; stroke-dasharray: 6 5 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #18222d; stroke: #8ba2b8 } path { stroke: #6cb0ea } .still { stroke: #f0a27c } }
</style>
${[...lines, ...heads, ...empty, ...[sources, records, consumers].flatMap(boxes)].join('\n')}
</svg>
`;
}

const distinct = (names: readonly string[]) => [...new Set(names)].sort();

function columnOf(index: number, entries: readonly (readonly [name: string, label: string])[]): Column {
  const x = MARGIN + index * COLUMN;
  return new Map(entries.map(([name, label], row) => [name, { label, x, y: TOP + row * (BOX.height + BOX.gap) }]));
}

const boxes = (column: Column) =>
  [...column.values()].map(
    ({ label, x, y }) =>
      `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}"/><text x="${x + BOX.width / 2}" y="${y + BOX.height / 2 + 5}">${escaped(label)}</text>`,
  );

function line(from: { x: number; y: number }, to: { x: number; y: number }, flows: boolean, told: string): string {
  const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2];
  const middle = (x1 + x2) / 2;
  return `<path${flows ? '' : ' class="still"'} d="M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}"><title>${escaped(told)}</title></path>`;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
