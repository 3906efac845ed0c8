import type { Contact, PostalAddress } from '@myelin/contracts';
import type { Identity } from './identity.js';
import { mailPart, type Names } from './names.js';
import type { Random } from './random.js';

// Numbers that ARCEP keeps for fiction, domains that RFC 2606 keeps for examples.
const WORK_PHONE = '+33 1 99 00';
const MOBILE = '+33 6 39 98';

/** Domain of the working mail by what the person is to the establishment. */
const DOMAINS = { staff: 'univ.example', learner: 'etu.univ.example', external: 'ext.univ.example' };

/** Mails and phones; the index of the person makes the mail unique. */
export function contacts(random: Random, person: Identity, index: number, role: keyof typeof DOMAINS): Contact[] {
  const given = mailPart(person.usageGivenName ?? person.givenNames[0] ?? '');
  const local = `${given}.${mailPart(person.usageName ?? person.birthName)}`.replace(/^-|-$/g, '');
  const found: Contact[] = [{ kind: 'workMail', value: `${local}${index}@${DOMAINS[role]}` }];
  if (role !== 'learner') found.push({ kind: 'workPhone', value: number(random, WORK_PHONE) });
  if (role === 'staff' && random.chance(0.25)) found.push({ kind: 'workMobile', value: number(random, MOBILE) });
  if (role !== 'staff' || random.chance(0.4)) found.push({ kind: 'privateMobile', value: number(random, MOBILE) });
  if (role === 'learner')
    found.push({ kind: 'privateMail', value: `${local}.${random.integer(1, 99)}@courriel.example` });
  return found;
}

function number(random: Random, range: string): string {
  const pair = () => String(random.integer(0, 99)).padStart(2, '0');
  return `${range} ${pair()} ${pair()}`;
}

const WAYS = [
  'rue',
  'rue',
  'rue',
  'avenue',
  'avenue',
  'boulevard',
  'place',
  'allée',
  'chemin',
  'impasse',
  'cours',
  'quai',
];
const NAMES = [
  'Victor Hugo',
  'de la République',
  'Jean Jaurès',
  'Pasteur',
  'des Écoles',
  'de la Gare',
  'du Général-de-Gaulle',
  'Jules Ferry',
  'des Lilas',
  "de l'Église",
  'Émile Zola',
  'du Sacré-Cœur',
  "de l'Abbé-de-l'Épée",
  'Sainte-Catherine',
  'de Verdun',
  'Camille Pelletan',
  'des Chênes',
  'du 8-Mai-1945',
  'Georges Clemenceau',
  'Marie Curie',
];

/** Where the person lives and works; a third of the learners have an address for the term too. */
export function addresses(random: Random, names: Names, role: keyof typeof DOMAINS): PostalAddress[] {
  const home = postal(random, names, 'home');
  if (role !== 'learner') return [home, office(random)];
  return random.chance(0.33) ? [home, postal(random, names, 'term')] : [home];
}

function office(random: Random): PostalAddress {
  const room = `Tour ${random.integer(11, 66)}, couloir ${random.integer(11, 66)}, bureau ${random.integer(100, 550)}`;
  return {
    kind: 'work',
    lines: [room, '4 place Jussieu'],
    postcode: '75005',
    town: 'Paris',
    townCode: '75105',
    country: 'FR',
  };
}

function postal(random: Random, names: Names, kind: 'home' | 'term'): PostalAddress {
  // Most live near the university; the address before the term is often that of the parents.
  const { name, code, postcode } = random.chance(kind === 'term' ? 0.97 : 0.75)
    ? names.nearby(random)
    : names.town(random);
  const suffix = random.chance(0.08) ? random.pick([' bis', ' ter', ' A']) : '';
  const street = `${random.integer(1, 180)}${suffix} ${random.pick(WAYS)} ${random.pick(NAMES)}`;
  const lines = random.chance(0.2) ? [`Appartement ${random.integer(1, 120)}`, street] : [street];
  return { kind, lines, postcode, town: name, townCode: code, country: 'FR' };
}
