import { identifierFault, type ThirdParty } from '@myelin/contracts';
import { ESTABLISHMENT_ADDRESS, type SourceRecord } from './establishments.js';
import { address, phone, website } from './fields.js';
import type { Row } from './row.js';

/** INSEE legal categories by the legal status that the file spells out. */
const LEGAL_FORMS: Record<string, string> = {
  'Établissement public à caractère scientifique, culturel et professionnel': '7383',
  "Autre établissement public national d'enseignement": '7384',
  'Établissement public national à caractère administratif': '7389',
  'Établissement public local culturel': '7373',
  "Établissement public national à caractère industriel ou commercial doté d'un comptable public": '4120',
  "SA à conseil d'administration": '5599',
  'Association loi de 1901': '9220',
  "Association déclarée, reconnue d'utilité publique": '9230',
  'Association de droit local (Bas-Rhin, Haut-Rhin et Moselle)': '9260',
  Fondation: '9300',
  'Autre personne morale de droit privé': '9900',
};

/** The legal persons behind the establishments, one per SIREN: the first establishment of a SIREN gives name and address. */
export function legalPersons(rows: Row[]): SourceRecord<ThirdParty>[] {
  const persons = new Map<string, ThirdParty>();
  for (const row of rows.filter((candidate) => candidate.raw('libellé') !== '')) {
    const sirens = row.list('siren', ',').filter((siren) => identifierFault('siren', siren) === undefined);
    if (sirens.length === 0) row.report('siren', 'no SIREN', 'no third party', row.raw('libellé'));
    sirens.forEach((siren, i) => {
      if (persons.has(siren)) return;
      // The fields were read and reported once already, for the structure. An association has one RNA number.
      persons.set(siren, legalPerson(row.silenced(), siren, i === 0 ? row.list('rna', ',') : []));
    });
    for (const siret of row.list('siret', ',')) addSite(row, siret, sirens, persons);
  }
  return [...persons].map(([sourceId, document]) => ({ sourceId, document }));
}

function addSite(row: Row, siret: string, sirens: string[], persons: Map<string, ThirdParty>): void {
  if (identifierFault('siret', siret) !== undefined) return;
  const siren = siret.slice(0, 9);
  const person = sirens.includes(siren) ? persons.get(siren) : undefined;
  if (person === undefined) return row.report('siret', 'SIRET of no SIREN', 'left out of the third parties', siret);
  const identifiers = person.identifiers ?? [];
  if (!identifiers.some(({ value }) => value === siret)) identifiers.push({ scheme: 'siret', value: siret });
  person.identifiers = identifiers;
}

function legalPerson(row: Row, siren: string, rna: string[]): ThirdParty {
  const status = row.text('Statut juridique');
  const acronym = row.text('sigle');
  // Establishments of higher education buy training and do research together; the private schools buy only.
  const partner = status?.includes('scientifique') === true;
  return {
    kind: 'organisation',
    legalName: row.text('uo_lib_officiel') ?? row.text('libellé') ?? siren,
    ...(acronym && { acronym }),
    ...(status && { legalForm: LEGAL_FORMS[status] ?? status }),
    identifiers: [
      { scheme: 'siren', value: siren },
      ...rna.filter((value) => identifierFault('rna', value) === undefined).map((value) => ({ scheme: 'rna', value })),
    ],
    contacts: [...phone(row, 'Numéro de téléphone'), ...website(row, 'site internet')],
    addresses: address(row, ESTABLISHMENT_ADDRESS),
    roles: partner ? [{ kind: 'customer' }, { kind: 'researchPartner' }] : [{ kind: 'customer' }],
  };
}
