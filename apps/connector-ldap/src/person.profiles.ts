import type { MapContext } from '@myelin/connector';
import type { CareerStep, Enrolment, ExternalRole, ResourceRole } from '@myelin/contracts';
import { canonicalDn } from './canonical-dn.js';
import type { DirectorySettings } from './ldap.settings.js';
import { population, profileAffiliation } from './person.affiliations.js';
import type { Tenure } from './person.roles.js';
import { formatComposite, type CompositeName } from './supann/composite.js';
import { academicYear, common, isValidOn, LAST_DAY, type Period } from './supann/days.js';
import type { EntryDraft } from './supann/draft.js';
import { UNKNOWN } from './supann/nomenclatures.js';
import { endOfDay, nomenclatureLabel } from './supann/values.js';

/** What the profiles of one person are written with. */
export interface ProfileWriting {
  readonly draft: EntryDraft;
  readonly context: MapContext;
  readonly settings: DirectorySettings;
  /** Affiliations that the person keeps. */
  readonly affiliations: ReadonlySet<string>;
}

/** A structure in which the person is, and how strongly it claims to be the main one. */
interface Place {
  readonly code: string | undefined;
  readonly type: string | undefined;
  readonly dn: string | undefined;
  readonly rank: number;
  readonly quota: number;
  readonly from: string;
}

/** One profile per valid role and place, with the elementary attributes that repeat their fields (SupAnn, composites). */
export function writeProfiles(writing: ProfileWriting, valid: readonly Tenure[]): void {
  const places = valid.flatMap((tenure) => {
    switch (tenure.kind) {
      case 'staff':
        return staffProfiles(writing, tenure.role, tenure.period, tenure.field);
      case 'external':
        return externalProfile(writing, tenure.role, tenure.period, tenure.field);
      case 'learner':
        return enrolmentProfile(writing, tenure.role, tenure.period, tenure.field);
    }
  });
  // The highest quota, then the eldest; registrations after assignments, then external links.
  const [main] = places
    .filter(({ code }) => code !== undefined)
    .sort((a, b) => a.rank - b.rank || b.quota - a.quota || compare(a.from, b.from) || compare(a.code!, b.code!));
  writing.draft.add('supannEntiteAffectationPrincipale', main?.code, 'roles');
  writing.draft.add('eduPersonPrimaryOrgUnitDN', main?.dn, 'roles');
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function staffProfiles(writing: ProfileWriting, role: ResourceRole, period: Period, field: string): Place[] {
  const { draft, context, affiliations } = writing;
  const steps = (role.career ?? []).map((step, i) => ({ step, field: `${field}.career[${i}]` }));
  const career = steps
    .filter(({ step }) => isValidOn(context.today, step))
    .map(({ step, field }) => careerStep(draft, step, field))
    .sort((a, b) => compare(b.from, a.from))[0];
  const profile = {
    etab: draft.add('supannEtablissement', homeEstablishment(writing), field),
    affil: profileAffiliation(role.population, affiliations),
    corps: career?.corps,
    activite: career?.activity,
    population: populationOf(writing, role.population, field),
  };
  const affectations = (role.affectations ?? []).map((place, i) => ({
    ...place,
    field: `${field}.affectations[${i}]`,
  }));
  const places = affectations.flatMap((affectation) => {
    const days = common(period, affectation);
    if (!days || !isValidOn(context.today, days)) return [];
    const found = place(writing, affectation.structure, `${affectation.field}.structure`);
    const datefin = end(writing, 'supannEmpDateFin', days, affectation.field);
    const text = { ...profile, typeaffect: found.type, affect: found.code, datefin };
    composite(writing, 'supannEmpProfil', text, affectation.field);
    return [{ ...found, rank: 0, quota: affectation.quota ?? 0, from: days.from }];
  });
  if (places.length === 0) {
    composite(
      writing,
      'supannEmpProfil',
      { ...profile, datefin: end(writing, 'supannEmpDateFin', period, field) },
      field,
    );
  }
  writeFunctions(writing, role, period, field);
  return places;
}

function writeFunctions(writing: ProfileWriting, role: ResourceRole, period: Period, field: string): void {
  const { draft, context } = writing;
  role.functions?.forEach((held, i) => {
    const days = common(period, held);
    if (!days || !isValidOn(context.today, days)) return;
    const at = `${field}.functions[${i}]`;
    const found = place(writing, held.structure, `${at}.structure`);
    const label = nomenclatureLabel('role', held.code, localLabel(writing));
    const code = draft.addLabelled('supannRoleGenerique', label, held.code, `${at}.code`);
    composite(
      writing,
      'supannRoleEntite',
      { role: code ?? UNKNOWN, type: found.type ?? UNKNOWN, code: found.code },
      at,
    );
  });
}

function careerStep(draft: EntryDraft, step: CareerStep, field: string) {
  const corps = draft.addLabelled('supannEmpCorps', 'NCORPS', step.corps, `${field}.corps`);
  const cnu = draft.addLabelled('supannActivite', 'CNU', step.cnu, `${field}.cnu`);
  const referens = draft.addLabelled('supannActivite', 'REFERENS', step.referens, `${field}.referens`);
  const bap = draft.addLabelled('supannActivite', 'BAP', step.bap, `${field}.bap`);
  // A profile has room for one activity: the most precise.
  return { corps, activity: cnu ?? referens ?? bap, from: step.from ?? '' };
}

function externalProfile(writing: ProfileWriting, role: ExternalRole, period: Period, field: string): Place[] {
  const { draft, context, affiliations } = writing;
  const whose = population(role.population).establishment ?? 'I';
  const found = place(writing, role.structure, `${field}.structure`, whose !== 'X');
  const sponsor = role.sponsor == null ? undefined : context.reference(role.sponsor);
  const [home, external] = [homeEstablishment(writing), employer(draft, role, `${field}.employer`)];
  if (whose !== 'X') draft.add('supannEtablissement', home, field);
  if (whose.includes('X')) draft.add('supannEtablissement', external, `${field}.employer`);
  const text = {
    etab: whose.includes('X') ? (external ?? (whose === 'X' ? undefined : home)) : home,
    affil: profileAffiliation(role.population, affiliations),
    typeaffect: found.type,
    affect: found.code,
    parrain: sponsor && draft.add('supannParrainDN', canonicalDn(sponsor.targetId), `${field}.sponsor`),
    population: populationOf(writing, role.population, field),
    datefin: end(writing, 'supannExtDateFin', period, field),
  };
  composite(writing, 'supannExtProfil', text, field);
  return [{ ...found, rank: 2, quota: 0, from: period.from }];
}

function enrolmentProfile(writing: ProfileWriting, role: Enrolment, period: Period, field: string): Place[] {
  const { draft, context } = writing;
  const found = role.structure == null ? undefined : place(writing, role.structure, `${field}.structure`);
  const etab = draft.add('supannEtablissement', homeEstablishment(writing), field);
  const population = populationOf(writing, role.population, field);
  if (role.year === academicYear(context.today)) {
    const local = localLabel(writing);
    const sise = (attribute: SiseAttribute, key: 'regime' | 'discipline' | 'diplomaType' | 'diploma') =>
      draft.addLabelled(attribute, 'SISE', role[key], `${field}.${key}`);
    const units = (role.courseUnits ?? []).map((unit, i) =>
      draft.addLabelled('supannEtuElementPedagogique', local, unit, `${field}.courseUnits[${i}]`),
    );
    const courseYear = role.courseYear ?? undefined;
    const yearLabel = nomenclatureLabel('courseYear', courseYear ?? '', local);
    const text = {
      etab,
      anneeinsc: draft.add('supannEtuAnneeInscription', String(role.year), `${field}.year`),
      regimeinsc: sise('supannEtuRegimeInscription', 'regime') ?? UNKNOWN,
      sectdisc: sise('supannEtuSecteurDisciplinaire', 'discipline') ?? UNKNOWN,
      typedip: sise('supannEtuTypeDiplome', 'diplomaType') ?? UNKNOWN,
      cursusann: draft.addLabelled('supannEtuCursusAnnee', yearLabel, courseYear, `${field}.courseYear`) ?? UNKNOWN,
      affect: found?.code,
      diplome: sise('supannEtuDiplome', 'diploma'),
      etape: draft.addLabelled('supannEtuEtape', local, role.stage, `${field}.stage`),
      // A key stands at most once: with several units only the elementary attribute can hold them.
      eltpedago: units.length === 1 ? units[0] : undefined,
      population,
      datefin: end(writing, 'supannEtuDateFin', period, field),
    };
    composite(writing, 'supannEtuInscription', text, field);
  }
  return found ? [{ ...found, rank: 1, quota: 0, from: period.from }] : [];
}

type SiseAttribute =
  'supannEtuRegimeInscription' | 'supannEtuSecteurDisciplinaire' | 'supannEtuTypeDiplome' | 'supannEtuDiplome';

/**
 * Code, type and DN of a structure, added to the elementary attributes; empty when the target does not have it. Those who
 * belong to another establishment only have no unit of ours in eduPersonOrgUnitDN, as they have no eduPersonOrgDN.
 */
function place({ draft, context, settings }: ProfileWriting, key: string, field: string, isOurs = true) {
  const found = context.reference(key);
  if (!found || !('code' in found.master)) return { code: undefined, type: undefined, dn: undefined };
  const { code, type } = found.master;
  const label = nomenclatureLabel('entityType', type, `UAI:${settings.homeEstablishment}`);
  return {
    code: draft.add('supannEntiteAffectation', code, field),
    type: draft.addLabelled('supannTypeEntiteAffectation', label, type, field),
    dn: isOurs ? draft.add('eduPersonOrgUnitDN', canonicalDn(found.targetId), field) : undefined,
  };
}

function employer(draft: EntryDraft, { employer: reference }: ExternalRole, field: string): string | undefined {
  if (reference == null) return undefined;
  const [, scheme, value] = /^(uai|siret):(.+)$/.exec(reference) ?? [];
  if (scheme !== undefined) return `{${scheme.toUpperCase()}}${value}`;
  draft.refuse(field, 'cannot be held by supannEtablissement: neither a UAI nor a SIRET');
  return undefined;
}

function populationOf(writing: ProfileWriting, code: string, field: string): string | undefined {
  const label = nomenclatureLabel('population', code, localLabel(writing));
  return writing.draft.addLabelled('supannCodePopulation', label, code, `${field}.population`);
}

function end(
  { draft }: ProfileWriting,
  attribute: 'supannEmpDateFin' | 'supannExtDateFin' | 'supannEtuDateFin',
  { to }: Period,
  field: string,
): string | undefined {
  return to === LAST_DAY ? undefined : draft.add(attribute, endOfDay(to), `${field}.to`);
}

function composite<C extends CompositeName>(
  { draft }: ProfileWriting,
  name: C,
  values: Parameters<typeof formatComposite<C>>[1],
  field: string,
): void {
  draft.add(name, formatComposite(name, values), field);
}

const homeEstablishment = ({ settings }: ProfileWriting) => `{UAI}${settings.homeEstablishment}`;
const localLabel = ({ settings }: ProfileWriting) => `UAI:${settings.homeEstablishment}`;
