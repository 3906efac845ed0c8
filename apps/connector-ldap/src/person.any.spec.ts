import fc from 'fast-check';
import type { Mapped } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { loginRequest, mapPerson } from './person.mapping.js';
import { context, settings, today, values } from './person.mapping.testing.js';
import { anyPerson } from './person.testing.js';
import { COMPOSITE_KEYS, parseComposite } from './supann/composite.js';
import type { AttributeName } from './supann/schema.js';
import { equalityKey, syntaxFault } from './supann/syntax.js';

describe('any person', () => {
  const check = (verify: (result: Mapped, person: Master<'person'>) => void) =>
    fc.assert(
      fc.property(anyPerson, (person) => verify(mapPerson(person, context, settings)!, person)),
      { numRuns: 200 },
    );

  it('maps to values that the schema holds, once each and in order', () =>
    check(({ row }) => {
      for (const [name, found] of Object.entries(row)) {
        if (name === 'rdn') continue;
        const [attribute, list] = [name as AttributeName, found as readonly string[]];
        expect(list.map((value) => syntaxFault(attribute, value)).filter((fault) => fault !== undefined)).toEqual([]);
        expect(new Set(list.map((value) => equalityKey(attribute, value))).size).toBe(list.length);
        expect(list).toEqual([...list].sort());
      }
    }));

  it('has what every entry must have', () =>
    check((result) => {
      for (const attribute of [
        'cn',
        'sn',
        'displayName',
        'uid',
        'eduPersonPrincipalName',
        'supannListeRouge',
      ] as const) {
        expect(values(result, attribute)).toHaveLength(1);
      }
    }));

  it('maps to the same row whenever it is mapped', () =>
    check(({ row }, person) => expect(mapPerson(structuredClone(person), context, settings)!.row).toEqual(row)));

  it('has composites that can be read back, and elementary attributes that repeat them', () =>
    check((result) => {
      for (const name of Object.keys(COMPOSITE_KEYS) as (keyof typeof COMPOSITE_KEYS)[]) {
        for (const value of values(result, name)) {
          const fields = parseComposite(value)!;
          const keys = fields.map(([key]) => key);
          expect(keys).toEqual(COMPOSITE_KEYS[name].filter((key) => keys.includes(key)));
          for (const [key, field] of fields) {
            if (field !== '{INCONNU}') expect(values(result, elementary(name, key)!)).toContain(field);
          }
        }
      }
    }));

  it('is never a member and an affiliate at once, and its primary affiliation is one of its affiliations', () =>
    check((result) => {
      const affiliations = values(result, 'eduPersonAffiliation');
      expect(affiliations.includes('member') && affiliations.includes('affiliate')).toBe(false);
      for (const primary of values(result, 'eduPersonPrimaryAffiliation')) expect(affiliations).toContain(primary);
    }));

  it('is due again on a later day, and until then maps to the same row', () =>
    check(({ row, validUntil }, person) => {
      if (validUntil !== undefined) expect(validUntil > today).toBe(true);
      const eve = new Date(`${validUntil ?? '2029-12-31'}T00:00:00Z`);
      eve.setUTCDate(eve.getUTCDate() - 1);
      const later = { ...context, today: eve.toISOString().slice(0, 10) };
      expect(mapPerson(person, later, settings)!.row).toEqual(row);
    }));

  it('names fields and never values in its report', () =>
    check(({ unrepresentable = [] }) => {
      for (const { field, message } of unrepresentable) {
        expect(field).toMatch(/^[a-zA-Z]+(\[\d+\])?(\.[a-zA-Z]+(\[\d+\])?)*$/);
        expect(message).toMatch(/^(cannot be held by \w+: [\w '()+,./:?=,-]+|has no INSEE code here)$/);
      }
    }));

  it('asks for a login that a directory takes', () =>
    fc.assert(
      fc.property(anyPerson, (person) => {
        const request = loginRequest(person, today);
        if (request) expect(request.base).toMatch(/^[a-z][a-z0-9]{0,19}$/);
      }),
    ));
});

/** The attribute that repeats a field of a composite (SupAnn, composites). */
function elementary(composite: keyof typeof COMPOSITE_KEYS, key: string): AttributeName | undefined {
  const end = { supannEmpProfil: 'supannEmpDateFin', supannExtProfil: 'supannExtDateFin' } as const;
  const common: Record<string, AttributeName> = {
    etab: 'supannEtablissement',
    affil: 'eduPersonAffiliation',
    corps: 'supannEmpCorps',
    typeaffect: 'supannTypeEntiteAffectation',
    type: 'supannTypeEntiteAffectation',
    affect: 'supannEntiteAffectation',
    code: 'supannEntiteAffectation',
    activite: 'supannActivite',
    parrain: 'supannParrainDN',
    population: 'supannCodePopulation',
    role: 'supannRoleGenerique',
    anneeinsc: 'supannEtuAnneeInscription',
    regimeinsc: 'supannEtuRegimeInscription',
    sectdisc: 'supannEtuSecteurDisciplinaire',
    typedip: 'supannEtuTypeDiplome',
    cursusann: 'supannEtuCursusAnnee',
    diplome: 'supannEtuDiplome',
    etape: 'supannEtuEtape',
    eltpedago: 'supannEtuElementPedagogique',
  };
  return key === 'datefin' ? ((end as Record<string, AttributeName>)[composite] ?? 'supannEtuDateFin') : common[key];
}
