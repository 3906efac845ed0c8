/** What can be wrong in the open data, and so what the counts of a report are made of. */
export const DEFECTS = [
  'no name',
  'no UAI',
  'no SIREN',
  'several values',
  'invalid identifier',
  'claimed twice',
  'day missing',
  'invalid date',
  'invalid phone',
  'overseas number under +33',
  'invalid web address',
  'unknown country',
  'in capitals',
  'stray spaces',
  'former code',
  'former code still in use',
  'former code of several',
  'unknown code',
  'link named twice',
  'link in one file only',
  'SIRET of no SIREN',
] as const;

/** One kind of defect, as the reports name it. */
export type DefectKind = (typeof DEFECTS)[number];

/** One defect of a data file, where it stands and what became of it. */
export interface Defect {
  file: string;
  line: number;
  field: string;
  value: string;
  defect: DefectKind;
  consequence: string;
}

/** How often each kind of defect occurs, in one file or in all; kinds that do not occur are absent. */
export function countDefects(defects: Defect[], file?: string): Partial<Record<DefectKind, number>> {
  const counts: Partial<Record<DefectKind, number>> = {};
  for (const defect of defects) {
    if (file === undefined || defect.file === file) counts[defect.defect] = (counts[defect.defect] ?? 0) + 1;
  }
  return counts;
}
