import { setTimeout as sleep } from 'node:timers/promises';
import { Client, EqualityFilter } from 'ldapts';
import type { LdapAccess } from '@myelin/testing';
import { call, change, find } from './hub.js';
import type { Progress } from './progress.js';

type Entry = Record<string, string[]>;

const SIHAM = 'DEMO000001';

/** A day relative to today, `YYYY-MM-DD`. */
const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** What HR says of the person of the story: hired into one structure, and perhaps leaving. */
const employee = (structure: string, to: string | null) => ({
  birthName: 'Lefèvre',
  givenNames: ['Maëlle', 'Jeanne'],
  civility: 'MME',
  sex: 'F',
  birth: { date: '1990-05-17', town: 'Nantes', townCode: '44109', country: 'FR' },
  identifiers: [{ scheme: 'siham', value: SIHAM }],
  contacts: [{ kind: 'workMail', value: 'maelle.lefevre@univ.example' }],
  roles: {
    resource: [{ population: 'RGPST', from: day(-30), to, affectations: [{ structure, quota: 100, from: day(-30), to }], career: [{ corps: '833', bap: 'E', from: day(-30) }] }],
  },
});

/** Hires, moves, marries and ends one person, and prints the directory entry before and after each. */
export async function tellStory(person: string, directory: LdapAccess, progress: Progress): Promise<void> {
  const client = new Client({ url: directory.url, timeout: 10_000 });
  await client.bind(directory.bindDn, directory.password);
  const source = `${person}/sources/siham/records/${SIHAM}`;
  const identifier = { scheme: 'uid', value: 'mlefevre-roy' };
  try {
    await call('PUT', source, employee('code:DSI', null));
    const record = await find(person, 'persons', `siham:${SIHAM}`);
    if (!record) throw new Error('the person of the story was not created');
    const read = () => readEntry(client, directory.baseDn, record.id);
    let entry: Entry | undefined;
    const chapter = async (title: string, act: () => Promise<unknown>) => {
      const start = Date.now();
      await act();
      const after = await changed(read, entry);
      progress.say(`\n  ${title} (in the directory after ${Date.now() - start} ms)`);
      printDifference(progress, entry, after);
      entry = after;
    };
    await chapter('Hired', () => Promise.resolve());
    await chapter('Moves to another department', () => call('PUT', source, employee('code:DRH', null)));
    await chapter('Marries, and takes another login', () => change(person, 'persons', record.id, { usageName: 'Roy', identifiers: [identifier] }));
    await chapter('Leaves', () => call('PUT', source, employee('code:DRH', day(-1))));
  } finally {
    await client.unbind().catch(() => undefined);
  }
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
  if (before && before.entryUUID?.[0] === after.entryUUID?.[0]) progress.say(`      (the same entry: entryUUID ${after.entryUUID?.[0]})`);
}
