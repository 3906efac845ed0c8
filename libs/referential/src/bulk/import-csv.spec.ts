import { Readable } from 'node:stream';
import { pivotValidator } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import fc from 'fast-check';
import { csvLines } from './import-csv.js';
import type { ImportLine } from './import-lines.js';

/** The lines of a CSV file of persons that comes in these pieces. */
async function read(...pieces: (string | Buffer)[]): Promise<ImportLine[]> {
  const lines: ImportLine[] = [];
  const bytes = Readable.from(pieces.map((piece) => Buffer.from(piece)));
  for await (const batch of csvLines('person', bytes)) lines.push(...batch);
  return lines;
}

/** The documents of a file, in order. */
const documents = async (file: string) =>
  (await read(file)).map((line) => ('fault' in line ? line.fault : line.document));

/** The fields that a refused file is said to have wrong. */
async function refused(file: string): Promise<string[]> {
  const error: unknown = await read(file).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ type: 'invalid-document' });
  return ((error as ProblemError).options.errors ?? []).map(({ field }) => field);
}

const HEADER = 'sourceId;birthName;givenNames.0';
const fault = (line: number, field: string, message: string) => ({ line, sourceId: null, fault: { field, message } });

describe('csvLines', () => {
  it.each([
    [';', `${HEADER}\n1;Dupré;Éloïse\n`],
    [',', 'sourceId,birthName,givenNames.0\n1,Dupré,Éloïse\n'],
    ['tab', 'sourceId\tbirthName\tgivenNames.0\n1\tDupré\tÉloïse\n'],
    ['; with a byte order mark, as Excel writes it', `\ufeff${HEADER}\n1;Dupré;Éloïse\n`],
    ['; with Windows line ends', `${HEADER}\r\n1;Dupré;Éloïse\r\n`],
    ['; without an end of the last line', `${HEADER}\n1;Dupré;Éloïse`],
    ['; with spaces around', ` sourceId ; birthName;givenNames.0\n1; Dupré ;Éloïse \n`],
    ['; with quotes', `"sourceId";"birthName";"givenNames.0"\n"1";"Dupré";"Éloïse"\n`],
  ])('reads a file separated by %s', async (_, file) =>
    expect(await read(file)).toEqual([
      { line: 2, sourceId: '1', version: null, document: { birthName: 'Dupré', givenNames: ['Éloïse'] } },
    ]),
  );

  it('reads separators, quotes and line ends inside quotes', async () =>
    expect(await read(`${HEADER}\n1;"Du;""pré""";"É\nloïse"\n2;B;C\n`)).toMatchObject([
      { sourceId: '1', document: { birthName: 'Du;"pré"', givenNames: ['É\nloïse'] } },
      { line: 4, sourceId: '2' },
    ]));

  it('reads paths, and the short form of identifiers and contacts', async () =>
    expect(
      await documents(
        `${HEADER};givenNames.1;birth.date;identifiers.siham;identifiers.x-badge;contacts.workMail;roles.resource.0.population\n` +
          '1;A;B;C;2001-02-03;S1;77;a@b.fr;RGPFT\n',
      ),
    ).toEqual([
      {
        birthName: 'A',
        givenNames: ['B', 'C'],
        birth: { date: '2001-02-03' },
        identifiers: [
          { scheme: 'siham', value: 'S1' },
          { scheme: 'x-badge', value: '77' },
        ],
        contacts: [{ kind: 'workMail', value: 'a@b.fr' }],
        roles: { resource: [{ population: 'RGPFT' }] },
      },
    ]));

  it('leaves out what an empty cell would say, without gaps in lists', async () =>
    expect(await documents(`${HEADER};givenNames.1;birth.date;identifiers.siham\n1;A;;C;;\n`)).toEqual([
      { birthName: 'A', givenNames: ['C'] },
    ]));

  it('gives numbers that the contract asks for', async () => {
    const [line] = await documents(
      `${HEADER};roles.resource.0.population;roles.resource.0.affectations.0.structure;roles.resource.0.affectations.0.quota\n1;A;B;RGPFT;code:DSI;50\n`,
    );
    expect(pivotValidator('person', { coerce: true })(line)).toEqual([]);
    expect(line).toMatchObject({ roles: { resource: [{ affectations: [{ quota: 50 }] }] } });
  });

  it('gives booleans that the contract asks for, and leaves other words for the validator to name', () => {
    const validate = pivotValidator('third-party', { coerce: true });
    const company = (blocked: string) => ({ kind: 'organisation', legalName: 'A', blocked });
    const document = company('true');
    expect(validate(document)).toEqual([]);
    expect(document.blocked).toBe(true);
    expect(validate(company('yes'))).toMatchObject([{ field: 'blocked' }]);
  });

  it('reads a version, and names one that is none', async () =>
    expect(await read(`version;${HEADER}\n7;1;A;B\nseven;2;A;B\n`)).toMatchObject([
      { sourceId: '1', version: 7 },
      { line: 3, sourceId: '2', fault: { field: 'version', message: 'must be a whole number' } },
    ]));

  it.each([
    ['a required column', 'sourceId;givenNames.0\n1;A\n', ['birthName']],
    ['the key', 'birthName;givenNames.0\nA;B\n', ['sourceId']],
    ['several columns', 'sourceId\n1\n', ['birthName', 'givenNames']],
    ['all, in an empty first line of cells', ';;\n', ['sourceId', 'birthName', 'givenNames', '', '', '']],
  ])('refuses a file that misses %s, naming it', async (_, file, fields) =>
    expect(await refused(file)).toEqual(fields),
  );

  it.each([
    ['is not in the contract', 'shoeSize', ['shoeSize']],
    ['stands twice', 'birthName', ['birthName']],
    ['is said to hold parts and to be one value', 'birthName.x', ['birthName.x']],
    ['would reach outside the document', 'extensions.__proto__.polluted', ['extensions.__proto__.polluted']],
  ])('refuses a file with a column that %s, naming it', async (_, column, fields) => {
    expect(await refused(`${HEADER};${column}\n1;A;B;C\n`)).toEqual(fields);
    expect({}).not.toHaveProperty('polluted');
  });

  it('refuses an empty file', async () => expect(await refused('')).toEqual([]));

  it('names line and column of a cell that is missing or too many, and takes the other rows', async () =>
    expect(await read(`${HEADER}\n1;A;B\n2;A\n3;A;B;C\n4;A;B\n`)).toMatchObject([
      { sourceId: '1' },
      fault(3, 'givenNames.0', 'has no cell in this row'),
      fault(4, 'givenNames.0', 'is followed by more cells than the header has columns'),
      { sourceId: '4' },
    ]));

  it('names line and column of a cell that is no UTF-8', async () =>
    expect(await read(`${HEADER}\n1;A;B\n`, Buffer.from('2;Dupr\xe9;B\n', 'latin1'), '3;A;B\n')).toMatchObject([
      { sourceId: '1' },
      fault(3, 'birthName', 'is no valid UTF-8'),
      { sourceId: '3' },
    ]));

  it('names a row without a key', async () =>
    expect(await read(`${HEADER}\n;A;B\n`)).toMatchObject([{ line: 2, fault: { field: 'sourceId' } }]));

  it('names a row with a stray quote, and takes the other rows', async () => {
    const lines = await read(`${HEADER}\n1;A;B\n2;A"B;C\n3;A;B\n`);
    expect(lines).toContainEqual(fault(3, '', 'is no valid CSV row'));
    expect(lines.filter((line) => !('fault' in line)).map(({ sourceId }) => sourceId)).toEqual(['1', '3']);
  });

  it('says so when a quote is never closed', async () => {
    const lines = await read(`${HEADER}\n1;A;B\n2;"A;C\n3;A;B\n`);
    expect(lines).toMatchObject([
      expect.objectContaining({ fault: { field: '', message: 'is no valid CSV row' } }),
      { sourceId: '1' },
    ]);
  });

  it('stops, saying where, at a row too long to be one', async () => {
    const file = `${HEADER}\n1;A;B\n2;"${'x'.repeat(1024 * 1024 + 9)}\n3;A;B\n`;
    await expect(read(file)).rejects.toMatchObject({
      type: 'invalid-document',
      message: expect.stringContaining('line 3'),
    });
  });

  it('says the same wherever the bytes are cut', async () => {
    const file = Buffer.from(`\ufeff${HEADER};usageName\r\n1;Dupré;"É;""l""\r\nx";Ÿ\r\n2;A\r\n\r\n3;A;B;😀`);
    const whole = await read(file);
    expect(whole).toHaveLength(3);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(file.length)), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), file.length];
        expect(await read(...at.slice(1).map((end, index) => file.subarray(at[index], end)))).toEqual(whole);
      }),
    );
  });
});
