import { Weighted } from './random.js';

/** CNU sections (two digits of the section, two of the sub-section). */
export const CNU_SECTIONS = [...range(1, 37), ...range(60, 74), 76, 77, 85, 86, 87].map(
  (section) => `${String(section).padStart(2, '0')}00`,
);

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** An employment of administrative and technical staff: corps (NCORPS), branch (BAP), jobs (REFERENS). */
export interface Employment {
  corps: string;
  bap?: string;
  referens?: string;
}

/** Employments of tenured administrative and technical staff: ITRF with branch and job, ATSS and libraries without. */
export const TECHNICAL = new Weighted<Employment>([
  [{ corps: '836', bap: 'E', referens: 'E1B22' }, 4],
  [{ corps: '836', bap: 'A', referens: 'A1A22' }, 2],
  [{ corps: '835', bap: 'E', referens: 'E2C23' }, 8],
  [{ corps: '835', bap: 'E', referens: 'E2B22' }, 7],
  [{ corps: '835', bap: 'A', referens: 'A2A23' }, 5],
  [{ corps: '835', bap: 'B', referens: 'B2C23' }, 4],
  [{ corps: '835', bap: 'C', referens: 'C2B22' }, 4],
  [{ corps: '835', bap: 'D', referens: 'D2A21' }, 3],
  [{ corps: '835', bap: 'F', referens: 'F2B27' }, 3],
  [{ corps: '835', bap: 'J' }, 9],
  [{ corps: '834', bap: 'E', referens: 'E3C23' }, 5],
  [{ corps: '834', bap: 'B', referens: 'B3C23' }, 3],
  [{ corps: '838', bap: 'A', referens: 'A4A21' }, 7],
  [{ corps: '838', bap: 'B', referens: 'B4X22' }, 5],
  [{ corps: '838', bap: 'G' }, 8],
  [{ corps: '838', bap: 'J' }, 10],
  [{ corps: '839', bap: 'G' }, 10],
  [{ corps: '839', bap: 'J' }, 9],
  [{ corps: '051' }, 8],
  [{ corps: '055' }, 12],
  [{ corps: '057' }, 14],
  [{ corps: '801' }, 2],
  [{ corps: '806' }, 3],
  [{ corps: '818' }, 4],
  [{ corps: '820' }, 5],
]);

/** A field of study: SISE discipline, what its diplomas and stages are called. */
export interface Field {
  discipline: string;
  /** Diploma of the master, taken from the SISE table; diplomas of other levels only have its shape. */
  master: string;
  stage: string;
}

/** Fields of study with their shares of the students. */
export const FIELDS = new Weighted<Field>([
  [{ discipline: '36', master: '2205042', stage: 'DROIT' }, 13],
  [{ discipline: '38', master: '2205044', stage: 'ECO' }, 6],
  [{ discipline: '39', master: '2204970', stage: 'GEST' }, 8],
  [{ discipline: '62', master: '2205045', stage: 'ECOGES' }, 6],
  [{ discipline: '37', master: '2216643', stage: 'SCPO' }, 3],
  [{ discipline: '06', master: '2204993', stage: 'BIO' }, 10],
  [{ discipline: '07', master: '2216717', stage: 'SANTE' }, 9],
  [{ discipline: '10', master: '2216744', stage: 'STAPS' }, 6],
  [{ discipline: '14', master: '2205053', stage: 'INFO' }, 8],
  [{ discipline: '01', master: '2205057', stage: 'MATH' }, 4],
  [{ discipline: '15', master: '2205054', stage: 'EEA' }, 3],
  [{ discipline: '03', master: '2205021', stage: 'CHIM' }, 4],
  [{ discipline: '05', master: '2204994', stage: 'TERRE' }, 3],
  [{ discipline: '27', master: '2205052', stage: 'HIST' }, 5],
  [{ discipline: '28', master: '2205046', stage: 'GEO' }, 3],
  [{ discipline: '29', master: '2205016', stage: 'AMEN' }, 2],
  [{ discipline: '35', master: '2205032', stage: 'INFOCOM' }, 4],
  [{ discipline: '26', master: '2204987', stage: 'PHILO' }, 2],
  [{ discipline: '21', master: '2205058', stage: 'MUS' }, 1],
]);

/** Registration regimes (SISE): initial, apprenticeship, continuing education. */
export const REGIMES = new Weighted([
  ['10', 86],
  ['12', 7],
  ['20', 2],
  ['21', 4],
  ['22', 1],
]);
