import type { Structure } from '@myelin/contracts';
import type { OpenData, SourceRecord } from './open-data.js';
import type { PopulationStructure } from './population.js';

/** UAI of the university that the demonstration plays in: Sorbonne Université, with its real schools and laboratories. */
export const HOME_UAI = '0755890V';

type Unit = readonly [code: string, shortLabel: string, longLabel: string, type: string, disciplines?: string[]];

// The last column holds the SISE disciplines that are taught there.
const COMPONENTS: readonly Unit[] = [
  ['UFR-SCI', 'UFR Sciences', 'UFR des sciences et techniques', 'S201', ['03', '05', '15']],
  ['UFR-BIO', 'UFR Biologie', 'UFR de biologie et biochimie', 'S201', ['06']],
  ['UFR-INFO', 'UFR Math-Info', 'UFR de mathématiques et informatique', 'S201', ['01', '14']],
  ['UFR-MED', 'UFR Médecine', 'UFR des sciences médicales', 'S201', ['07']],
  ['UFR-STAPS', 'UFR STAPS', 'UFR des sciences et techniques des activités physiques et sportives', 'S201', ['10']],
  ['UFR-DROIT', 'UFR Droit', 'UFR de droit et science politique', 'S201', ['36', '37']],
  ['UFR-ECO', 'UFR Éco-gestion', "UFR d'économie et de gestion", 'S201', ['38', '39', '62']],
  ['UFR-SHS', 'UFR SHS', "UFR des sciences de l'homme et de la société", 'S201', ['26', '27', '28', '29']],
  ['UFR-ARTS', 'UFR Arts', "UFR des lettres, des arts et de l'information", 'S201', ['21', '35']],
  ['IUT', 'IUT', 'Institut universitaire de technologie', 'S204', ['14', '15', '39']],
  ['INSPE', 'INSPÉ', "Institut national supérieur du professorat et de l'éducation", 'S204'],
];

const SERVICES: readonly Unit[] = [
  ['DGS', 'DGS', 'Direction générale des services', 'S230'],
  ['DSI', 'DSI', "Direction des systèmes d'information", 'S230'],
  ['DRH', 'DRH', 'Direction des ressources humaines', 'S230'],
  ['DAF', 'DAF', 'Direction des affaires financières', 'S230'],
  ['DRI', 'DRI', 'Direction des relations internationales', 'S240'],
  ['DRV', 'DRV', 'Direction de la recherche et de la valorisation', 'S230'],
  ['SCOL', 'Scolarité', 'Service de la scolarité', 'S233'],
  ['SCD', 'SCD', 'Service commun de la documentation', 'S250'],
  ['PATRIM', 'Patrimoine', "Direction du patrimoine immobilier et de l'environnement", 'S231'],
  ['SFC', 'Formation continue', 'Service de la formation continue', 'S252'],
];

/** Invented components and services of the home university; to be imported after the open data, which holds their parent. */
export function homeComponents(): SourceRecord<Structure>[] {
  return [...COMPONENTS, ...SERVICES].map(([code, shortLabel, longLabel, type]) => ({
    sourceId: code,
    document: {
      code,
      shortLabel,
      longLabel,
      type,
      from: '2018-01-01',
      parents: [{ kind: 'hierarchy', structure: `uai:${HOME_UAI}` }],
    },
  }));
}

/**
 * The structures that persons of the home university are attached to: the university itself, the other establishments
 * (they employ guests), its components and services, the doctoral schools that it supports or accredits, their laboratories.
 */
export function homeStructures(data: OpenData): PopulationStructure[] {
  const home = `uai:${HOME_UAI}`;
  const refs = (records: SourceRecord<Structure>[], scheme: string) =>
    records.flatMap(({ document }) => {
      const value = document.identifiers?.find((identifier) => identifier.scheme === scheme)?.value;
      return value === undefined ? [] : [`${scheme}:${value}`];
    });
  const under = (parents: Set<string>) => (record: SourceRecord<Structure>) =>
    record.document.parents?.some(({ structure }) => parents.has(structure)) === true;
  const schools = refs(data.doctoralSchools.filter(under(new Set([home]))), 'ed');
  const laboratories = refs(data.laboratories.filter(under(new Set(schools))), 'rnsr');
  const others = refs(data.establishments, 'uai').filter((ref) => ref !== home);
  const kind = (name: PopulationStructure['kind'], list: string[]) => list.map((ref) => ({ kind: name, ref }));
  return [
    ...kind('establishment', [home, ...others]),
    ...COMPONENTS.map(([code, , , , disciplines]) => ({
      kind: 'component' as const,
      ref: `code:${code}`,
      disciplines,
    })),
    ...kind(
      'service',
      SERVICES.map(([code]) => `code:${code}`),
    ),
    ...kind('school', schools),
    ...kind('laboratory', laboratories),
  ];
}
