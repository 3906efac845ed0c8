import type { Structure, ThirdParty } from '@myelin/contracts';
import { dataFile } from './data-folder.js';
import type { Defect } from './open-data/defects.js';
import { establishment, UaiDirectory, type SourceRecord } from './open-data/establishments.js';
import { Claims } from './open-data/fields.js';
import { legalPersons } from './open-data/legal-persons.js';
import { doctoralSchool, laboratoriesOfSchools, laboratory } from './open-data/research.js';
import { readRows } from './open-data/row.js';

export { countDefects, DEFECTS, type Defect, type DefectKind } from './open-data/defects.js';
export type { SourceRecord } from './open-data/establishments.js';

/** The open data as pivot documents, and every defect that was met on the way. */
export interface OpenData {
  establishments: SourceRecord<Structure>[];
  doctoralSchools: SourceRecord<Structure>[];
  laboratories: SourceRecord<Structure>[];
  /** One per SIREN of the establishments. */
  thirdParties: SourceRecord<ThirdParty>[];
  defects: Defect[];
}

/** The three files of the ministry. */
export interface OpenDataFiles {
  establishments: string;
  doctoralSchools: string;
  laboratories: string;
}

const FILES: OpenDataFiles = {
  establishments: dataFile('etablissements.csv'),
  doctoralSchools: dataFile('ecoles_doctorales.csv'),
  laboratories: dataFile('laboratoires.csv'),
};

/** Reads the open data of the ministry; identifiers are unique by (scheme, value) over all structures. */
export function readOpenData(files = FILES): OpenData {
  const defects: Defect[] = [];
  const establishments = readRows(files.establishments, defects);
  const schools = readRows(files.doctoralSchools, defects);
  const laboratories = readRows(files.laboratories, defects);
  const claims = new Claims();
  const uai = new UaiDirectory(establishments);
  const schoolsOf = laboratoriesOfSchools(schools, laboratories);
  return {
    establishments: establishments.map((row) => establishment(row, claims)).filter((record) => record !== undefined),
    doctoralSchools: schools.map((row) => doctoralSchool(row, claims, uai)),
    laboratories: laboratories.map((row) => laboratory(row, claims, schoolsOf)),
    thirdParties: legalPersons(establishments),
    defects,
  };
}

/** All structures, parents before children. */
export function* structures(data: OpenData): Generator<SourceRecord<Structure>> {
  yield* data.establishments;
  yield* data.doctoralSchools;
  yield* data.laboratories;
}
