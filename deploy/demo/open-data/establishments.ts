import type { Structure } from '@myelin/contracts';
import { address, firstDay, phone, website, type Claims } from './fields.js';
import type { Row } from './row.js';

/** A record as a source delivers it. */
export interface SourceRecord<T> {
  sourceId: string;
  document: T;
}

/** Columns of the address in `etablissements.csv`. */
export const ESTABLISHMENT_ADDRESS = {
  lines: ['Mention distribution', 'Adresse', 'Lieu dit', 'Boite postale'],
  postcode: 'Code postal',
  town: 'Localité',
  townCode: 'Code commune',
  country: 'Pays',
};

const SCHEMES: [column: string, scheme: string, separator: string | RegExp, clean?: RegExp][] = [
  ['uai - identifiant', 'uai', ';'],
  ['siret', 'siret', ','],
  ['siren', 'siren', ','],
  ['rna', 'rna', ','],
  ['Identifiant wikidata', 'wikidata', ','],
  ['identifiant_idref', 'idref', ','],
  ['Identifiant ROR', 'ror', ','],
  // An ISNI is written in four groups; the identifier itself has no spaces.
  ['Identifiant ISNI', 'isni', ',', /(?<=\d) (?=[\dX])/g],
];

/** Structure of one establishment; undefined when the row has no name. Former UAI stand in `extensions.formerUai`. */
export function establishment(row: Row, claims: Claims): SourceRecord<Structure> | undefined {
  const sourceId = row.raw('identifiant interne');
  const label = row.name('libellé');
  if (label === undefined) {
    row.report('libellé', 'no name', 'no document: nothing but an internal id and a type is known', sourceId);
    return undefined;
  }
  const identifiers = SCHEMES.flatMap(([column, scheme, separator, clean]) => {
    const values = row.list(column, separator).map((value) => (clean ? value.replace(clean, '') : value));
    return claims.take(row, sourceId, column, scheme, values);
  });
  const uai = identifiers.find((identifier) => identifier.scheme === 'uai')?.value;
  if (uai === undefined) row.report('uai - identifiant', 'no UAI', 'the internal id is the code', sourceId);
  const from = firstDay(row, 'date_creation');
  const formerUai = row.list('anciens codes uai', ';');
  const englishName = row.text('English name');
  return {
    sourceId,
    document: {
      code: uai ?? sourceId,
      shortLabel: row.text('sigle') ?? row.text('nom court') ?? label,
      longLabel: label,
      type: entityType(row.raw("type d'établissement"), label),
      ...(from && { from }),
      identifiers,
      contacts: [...phone(row, 'Numéro de téléphone'), ...website(row, 'site internet')],
      addresses: address(row, ESTABLISHMENT_ADDRESS),
      ...((formerUai.length > 0 || englishName) && {
        extensions: { ...(formerUai.length > 0 && { formerUai }), ...(englishName && { englishName }) },
      }),
    },
  };
}

/** SUPANN entity type of an establishment. */
function entityType(kind: string, label: string): string {
  if (/^École normale supérieure/.test(label)) return 'S105';
  if (/^(École française d|Casa de Velázquez|Institut français d'archéologie)/.test(label)) return 'S107';
  if (kind === 'Université') return 'S102';
  if (kind === 'Grand établissement') return 'S101';
  return kind === 'École' ? 'S104' : 'S103';
}

/** Current UAI by any UAI that was ever used: what references to establishments resolve with. */
export class UaiDirectory {
  private readonly current = new Set<string>();
  private readonly successors = new Map<string, Set<string>>();

  constructor(rows: Row[]) {
    for (const row of rows) for (const uai of row.list('uai - identifiant', ';')) this.current.add(uai);
    for (const row of rows) this.addFormer(row);
  }

  private addFormer(row: Row): void {
    const heir = row.list('uai - identifiant', ';')[0];
    if (heir === undefined) return;
    for (const former of row.list('anciens codes uai', ';')) {
      if (this.current.has(former)) {
        row.report(
          'anciens codes uai',
          'former code still in use',
          'resolves to the establishment that uses it',
          former,
        );
        continue;
      }
      const heirs = this.successors.get(former) ?? new Set<string>();
      if (heirs.size > 0) row.report('anciens codes uai', 'former code of several', 'resolves to none', former);
      this.successors.set(former, heirs.add(heir));
    }
  }

  /** The current UAI behind a code, with a report when the code is a former one or leads nowhere. */
  resolve(row: Row, field: string, code: string): string | undefined {
    if (this.current.has(code)) return code;
    const heirs = [...(this.successors.get(code) ?? [])];
    if (heirs.length === 1) {
      row.report(field, 'former code', `${heirs[0]} taken, which lists it`, code);
      return heirs[0];
    }
    row.report(field, 'unknown code', heirs.length > 1 ? 'left out: several successors' : 'left out', code);
    return undefined;
  }
}
