import type { ParentLink, Structure } from '@myelin/contracts';
import type { SourceRecord, UaiDirectory } from './establishments.js';
import { address, website, type Claims } from './fields.js';
import type { Row } from './row.js';

const SCHOOL_ADDRESS = {
  lines: ['Adresse postale'],
  postcode: 'Code postal',
  town: 'Libellé commune',
  townCode: 'Code commune',
};

/** Structure of one doctoral school, under the establishments that support and accredit it. */
export function doctoralSchool(row: Row, claims: Claims, uai: UaiDirectory): SourceRecord<Structure> {
  const number = row.raw('Numero ED');
  const sourceId = `ED${number}`;
  return {
    sourceId,
    document: {
      code: sourceId,
      shortLabel: row.text('Sigle') ?? `ED ${number}`,
      longLabel: row.name('Libellé ED') ?? sourceId,
      type: 'S222',
      from: `${row.raw('Année de création')}-01-01`,
      identifiers: claims.take(row, sourceId, 'Numero ED', 'ed', [number]),
      parents: schoolParents(row, uai),
      contacts: website(row, 'Site web'),
      addresses: address(row, SCHOOL_ADDRESS),
      extensions: { discipline: row.text('Discipline principale') },
    },
  };
}

function schoolParents(row: Row, uai: UaiDirectory): ParentLink[] {
  const parents = new Map<string, ParentLink>();
  const add = (field: string, code: string, kind: ParentLink['kind']) => {
    const target = uai.resolve(row, field, code);
    if (target === undefined) return;
    if (parents.has(target)) row.report(field, 'link named twice', 'the first link kept', code);
    else parents.set(target, { kind, structure: `uai:${target}` });
  };
  for (const code of row.list('Code établissement support', ';')) {
    add('Code établissement support', code, 'hierarchy');
  }
  const accredited = 'Code des établissements coaccrédités';
  for (const code of row.list(accredited, ';')) add(accredited, code, 'accreditation');
  return [...parents.values()];
}

const LABORATORIES = 'Identifiant laboratoires';

/**
 * Doctoral schools of each laboratory (RNSR number), as the schools name them; a laboratory that is not in
 * `laboratoires.csv` is reported.
 */
export function laboratoriesOfSchools(schools: Row[], laboratories: Row[]): Map<string, string[]> {
  const schoolsOf = new Map<string, string[]>();
  const claimed = new Map(laboratories.map((row) => [rnsr(row), new Set(row.list('numeros_ed', '|'))]));
  for (const row of schools) {
    const number = row.raw('Numero ED');
    for (const laboratory of row.list(LABORATORIES, ';')) {
      const own = claimed.get(laboratory);
      if (own === undefined) row.report(LABORATORIES, 'unknown code', 'left out: no such laboratory', laboratory);
      else {
        if (!own.has(number)) row.report(LABORATORIES, 'link in one file only', 'link kept', laboratory);
        schoolsOf.set(laboratory, [...(schoolsOf.get(laboratory) ?? []), number]);
      }
    }
  }
  return schoolsOf;
}

/** Structure of one laboratory, attached to its doctoral schools. */
export function laboratory(row: Row, claims: Claims, schoolsOf: Map<string, string[]>): SourceRecord<Structure> {
  const code = rnsr(row);
  const label = row.name('libelle') ?? code;
  const named = new Set(schoolsOf.get(code));
  const own = row.list('numeros_ed', '|');
  for (const number of own) {
    if (!named.has(number)) row.report('numeros_ed', 'link in one file only', 'link kept', number);
  }
  return {
    sourceId: code,
    document: {
      code,
      shortLabel: label,
      longLabel: label,
      type: 'S203',
      identifiers: claims.take(row, code, 'numero_national_de_structure', 'rnsr', [code]),
      parents: [...new Set([...own, ...named])].map((number) => ({ kind: 'accreditation', structure: `ed:${number}` })),
    },
  };
}

const rnsr = (row: Row) => row.raw('numero_national_de_structure');
