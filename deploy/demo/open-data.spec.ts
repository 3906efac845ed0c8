import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pivotValidator } from '@myelin/contracts';
import { dataFile } from './data-folder.js';
import { homeComponents, homeStructures } from './home.js';
import { countDefects, readOpenData, structures } from './open-data.js';

describe('the open data of the ministry', () => {
  const data = readOpenData();
  const all = [...structures(data)];
  const byId = new Map(all.map((record) => [record.sourceId, record.document]));

  test('every row gives a valid document, except the 18 establishments without a name', () => {
    const validStructure = pivotValidator('structure');
    const validThirdParty = pivotValidator('third-party');
    expect(data.establishments).toHaveLength(250 - 18);
    expect(data.doctoralSchools).toHaveLength(266);
    expect(data.laboratories).toHaveLength(1761);
    expect(data.thirdParties).toHaveLength(237);
    expect(all.flatMap(({ document }) => validStructure(document))).toEqual([]);
    expect(data.thirdParties.flatMap(({ document }) => validThirdParty(document))).toEqual([]);
    expect(homeComponents().flatMap(({ document }) => validStructure(document))).toEqual([]);
  });

  test('source ids, codes and identifiers are unique', () => {
    expect(byId.size).toBe(all.length);
    expect(new Set(all.map(({ document }) => document.code)).size).toBe(all.length);
    for (const records of [all, data.thirdParties]) {
      const identifiers = records.flatMap(({ document }) => document.identifiers ?? []);
      expect(new Set(identifiers.map(({ scheme, value }) => `${scheme}:${value}`)).size).toBe(identifiers.length);
    }
  });

  test('every reference to a parent leads to a structure of the set', () => {
    const known = new Set(
      all.flatMap(({ document }) => document.identifiers ?? []).map((i) => `${i.scheme}:${i.value}`),
    );
    const references = all.flatMap(({ document }) => document.parents ?? []).map(({ structure }) => structure);
    expect(references.filter((reference) => !known.has(reference))).toEqual([]);
    expect(references.length).toBeGreaterThan(2000);
  });

  test('every defect is reported with its place', () => {
    expect(countDefects(data.defects, 'etablissements.csv')).toEqual({
      'no name': 18,
      'no UAI': 1,
      'no SIREN': 1,
      'several values': 56,
      'claimed twice': 3,
      'day missing': 96,
      'overseas number under +33': 4,
      'former code still in use': 7,
      'former code of several': 1,
      'in capitals': 1,
      'stray spaces': 5,
    });
    expect(countDefects(data.defects, 'ecoles_doctorales.csv')).toEqual({
      'former code': 154,
      'unknown code': 126,
      'link named twice': 4,
      'link in one file only': 7,
      'invalid web address': 1,
      'stray spaces': 147,
    });
    expect(countDefects(data.defects, 'laboratoires.csv')).toEqual({ 'in capitals': 844, 'stray spaces': 19 });
    expect(data.defects).toHaveLength(1495);
    expect(data.defects).toContainEqual({
      file: 'etablissements.csv',
      line: 126,
      field: 'Identifiant ROR',
      value: '02evec030',
      defect: 'claimed twice',
      consequence: 'left out of 73Oaz: 6mwS3 had it first',
    });
  });

  test('a former code leads to the establishment that lists it, an unknown one to nothing', () => {
    expect(byId.get('ED98')?.parents).toEqual([
      { kind: 'accreditation', structure: 'uai:0141408E' },
      { kind: 'accreditation', structure: 'uai:0761904G' },
      { kind: 'accreditation', structure: 'uai:0762762P' },
    ]);
    expect(byId.get('ED168')?.parents?.[0]).toEqual({ kind: 'hierarchy', structure: 'uai:0342490X' });
    expect(data.defects).toContainEqual(
      expect.objectContaining({ file: 'ecoles_doctorales.csv', value: '0342321N', defect: 'former code' }),
    );
  });

  test('an overseas number gets the country code of its territory', () => {
    const reunion = all.find(({ document }) => document.longLabel === 'Université de La Réunion')?.document;
    expect(reunion?.contacts?.[0]).toEqual({ kind: 'workPhone', value: '+262 262 93 80 80' });
  });

  test('one legal person has the sites of all its establishments', () => {
    const junia = data.thirdParties.find(({ sourceId }) => sourceId === '783707003')?.document;
    expect(junia?.identifiers?.filter(({ scheme }) => scheme === 'siret').length).toBeGreaterThan(1);
    const sorbonne = data.thirdParties.find(({ document }) => document.legalName === 'Sorbonne Université')?.document;
    expect(sorbonne).toMatchObject({ legalForm: '7383', roles: [{ kind: 'customer' }, { kind: 'researchPartner' }] });
  });

  test('the home university has many laboratories', () => {
    const kinds = homeStructures(data).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'laboratory')).toHaveLength(170);
    expect(kinds.filter((kind) => kind === 'school')).toHaveLength(23);
  });
});

test('an identifier with a wrong key is left out and reported', () => {
  const folder = mkdtempSync(join(tmpdir(), 'open-data-'));
  const path = join(folder, 'etablissements.csv');
  // The first data line is Centrale Lyon; its UAI ends in D.
  writeFileSync(path, readFileSync(dataFile('etablissements.csv'), 'utf8').replace('0690187D', '0690187E'));
  const { establishments, defects } = readOpenData({
    establishments: path,
    doctoralSchools: dataFile('ecoles_doctorales.csv'),
    laboratories: dataFile('laboratoires.csv'),
  });
  rmSync(folder, { recursive: true });
  expect(establishments[0]?.document.code).toBe('fWJJA');
  expect(establishments[0]?.document.identifiers?.map(({ scheme }) => scheme)).not.toContain('uai');
  expect(defects).toContainEqual(
    expect.objectContaining({ line: 2, field: 'uai - identifiant', value: '0690187E', defect: 'invalid identifier' }),
  );
});
