import { setTimeout as sleep } from 'node:timers/promises';
import { Client, EqualityFilter } from 'ldapts';
import type { LdapAccess } from '@myelin/testing';
import { call, change, find } from './hub.js';
import type { Progress } from './progress.js';

type Entry = Record<string, string[]>;

/** A day relative to today, `YYYY-MM-DD`. */
const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** What HR says of the person of the story: hired into one structure, and perhaps leaving. */
const employee = (siham: string, structure: string, to: string | null) => ({
  birthName: 'Lefèvre',
  givenNames: ['Maëlle', 'Jeanne'],
  civility: 'MME',
  sex: 'F',
  birth: { date: '1990-05-17', town: 'Nantes', townCode: '44109', country: 'FR' },
  identifiers: [{ scheme: 'siham', value: siham }],
  contacts: [{ kind: 'workMail', value: 'maelle.lefevre@univ.example' }],
  roles: {
    resource: [
      {
        population: 'RGPST',
        from: day(-30),
        to,
        affectations: [{ structure, quota: 100, from: day(-30), to }],
        career: [{ corps: '833', bap: 'E', from: day(-30) }],
      },
    ],
  },
});

/** Hires, moves, marries and ends one person, and prints the directory entry before and after each. */
export async function tellStory(person: string, directory: LdapAccess, progress: Progress): Promise<void> {
  const client = new Client({ url: directory.url, timeout: 10_000 });
  await client.bind(directory.bindDn, directory.password);
  try {
    const number = await firstFree(person);
    const siham = sihamOf(number);
    const hr = (structure: string, to: string | null) =>
      call('PUT', `${person}/sources/siham/records/${siham}`, employee(siham, structure, to));
    let id = '';
    let entry: Entry | undefined;
    const chapter = async (title: string, act: () => Promise<unknown>) => {
      const start = Date.now();
      await act();
      id ||= (await find(person, 'persons', `siham:${siham}`))?.id ?? '';
      const after = await changed(() => readEntry(client, directory.baseDn, id), entry);
      progress.say(`\n  ${title} (in the directory after ${Date.now() - start} ms)`);
      printDifference(progress, entry, after);
      entry = after;
    };
    await chapter('Hired', () => hr('code:DSI', null));
    await chapter('Moves to another department', () => hr('code:DRH', null));
    const login = { scheme: 'uid', value: `mlefevre-roy${number === 1 ? '' : number}` };
    await chapter('Marries, and takes another login', () =>
      change(person, 'persons', id, { usageName: 'Roy', identifiers: [login] }),
    );
    await chapter('Leaves', () => hr('code:DRH', day(-1)));
  } finally {
    await client.unbind().catch(() => undefined);
  }
}

const sihamOf = (number: number) => `DEMO${String(number).padStart(6, '0')}`;

/** Number of the story: each run on the same data tells it of somebody else. */
async function firstFree(person: string): Promise<number> {
  for (let number = 1; ; number++) if (!(await find(person, 'persons', `siham:${sihamOf(number)}`))) return number;
}

async function readEntry(client: Client, baseDn: string, id: string): Promise<Entry | undefined> {
  const { searchEntries } = await client.search(`ou=people,${baseDn}`, {
    scope: 'one',
    // The hub's label stands before the id; its establishment code is a setting of the connector.
    filter: new EqualityFilter({ attribute: 'supannRefId', value: `{UAI:0755890V:HUB}${id}` }),
    attributes: ['*', 'entryUUID'],
  });
  const [found] = searchEntries;
  if (!found) return undefined;
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, [value].flat().map(String).sort()]));
}

/** The entry once it differs from what it was. */
async function changed(read: () => Promise<Entry | undefined>, before: Entry | undefined): Promise<Entry> {
  for (let i = 0; i < 600; i++) {
    const entry = await read();
    if (entry && JSON.stringify(entry) !== JSON.stringify(before)) return entry;
    await sleep(50);
  }
  throw new Error('the directory did not change within 30 s');
}

function printDifference(progress: Progress, before: Entry | undefined, after: Entry): void {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after)])].sort();
  for (const name of names) {
    const [old, now] = [before?.[name] ?? [], after[name] ?? []];
    for (const value of old) if (!now.includes(value)) progress.say(`    - ${name}: ${value}`);
    for (const value of now) if (!old.includes(value)) progress.say(`    + ${name}: ${value}`);
  }
  if (before && before.entryUUID?.[0] === after.entryUUID?.[0])
    progress.say(`      (the same entry: entryUUID ${after.entryUUID?.[0]})`);
}
