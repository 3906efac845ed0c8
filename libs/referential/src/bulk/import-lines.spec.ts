import { Readable } from 'node:stream';
import fc from 'fast-check';
import { ndjsonLines, type ImportLine } from './import-lines.js';

const MIB = 1024 * 1024;

/** The lines of a file that comes in these pieces. */
async function read(...pieces: (string | Buffer)[]): Promise<ImportLine[]> {
  const lines: ImportLine[] = [];
  for await (const batch of ndjsonLines(Readable.from(pieces.map((piece) => Buffer.from(piece))))) lines.push(...batch);
  return lines;
}

const fault = (line: number, message: string, field = '', sourceId: string | null = null) => ({
  line,
  sourceId,
  fault: { field, message },
});

describe('ndjsonLines', () => {
  it('reads key, version and document of every line, with its number', async () =>
    expect(await read('{"sourceId":"1","version":3,"birthName":"É"}\n\n{"sourceId":"2","a":1}\n')).toEqual([
      { line: 1, sourceId: '1', version: 3, document: { birthName: 'É' } },
      { line: 3, sourceId: '2', version: null, document: { a: 1 } },
    ]));

  it('reads Windows line ends, and a last line without an end', async () =>
    expect(await read('{"sourceId":"1"}\r\n\r\n{"sourceId":"2"}')).toMatchObject([
      { line: 1, sourceId: '1' },
      { line: 3, sourceId: '2' },
    ]));

  it('reads nothing from an empty file', async () => expect(await read('')).toEqual([]));

  it.each([
    ['{"sourceId":', 'is no valid JSON'],
    ['[1]', 'must be an object'],
    ['null', 'must be an object'],
    ['"text"', 'must be an object'],
  ])('names the line that is %s', async (bad, message) =>
    expect(await read(`{"sourceId":"1"}\n${bad}\n{"sourceId":"3"}\n`)).toMatchObject([
      { sourceId: '1' },
      fault(2, message),
      { sourceId: '3' },
    ]),
  );

  it('names the line with bytes that are no UTF-8, and goes on', async () => {
    const latin1 = Buffer.from('{"sourceId":"2","birthName":"Dupr\xe9"}\n', 'latin1');
    expect(await read('{"sourceId":"1"}\n', latin1, '{"sourceId":"3"}\n')).toMatchObject([
      { sourceId: '1' },
      fault(2, 'is no valid UTF-8'),
      { sourceId: '3' },
    ]);
  });

  it.each([['{}'], ['{"sourceId":1}'], ['{"sourceId":""}'], ['{"sourceId":"a\\u0000"}'], ['{"sourceId":"\\ud800"}']])(
    'names a key that cannot be one: %s',
    async (line) => expect(await read(line)).toEqual([fault(1, 'must be text of 1 to 200 characters', 'sourceId')]),
  );

  it.each([['"3"'], ['-1'], ['1.5'], ['9007199254740992']])('names a version that cannot be one: %s', async (version) =>
    expect(await read(`{"sourceId":"1","version":${version}}`)).toEqual([
      fault(1, 'must be a whole number', 'version', '1'),
    ]),
  );

  /** A line of exactly so many bytes. */
  const long = (bytes: number) => `{"sourceId":"l","a":"${'x'.repeat(bytes - 23)}"}`;

  it('takes a line of 1 MiB and passes over a longer one, however the bytes come', async () => {
    const file = Buffer.from(`${long(MIB)}\n${long(MIB + 1)}\n{"sourceId":"3"}\n${long(3 * MIB)}\n{"sourceId":"5"}\n`);
    for (const size of [65_536, 100_003, MIB + 1, file.length]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < file.length; at += size) pieces.push(file.subarray(at, at + size));
      const lines = await read(...pieces);
      expect(lines.map((line) => ('fault' in line ? line : line.sourceId))).toEqual([
        'l',
        fault(2, 'exceeds 1048576 bytes'),
        '3',
        fault(4, 'exceeds 1048576 bytes'),
        '5',
      ]);
    }
  });

  it('says the same wherever the bytes are cut', async () => {
    const line = fc.oneof(
      fc.constantFrom('{"sourceId":"é","birthName":"Ÿ😀"}', '', '\r', '{"sourceId":"1"}\r', '{', '[]', ' '),
      fc.record({ sourceId: fc.string(), version: fc.integer(), a: fc.string() }).map((value) => JSON.stringify(value)),
    );
    const file = fc
      .tuple(fc.array(line), fc.constantFrom('', '\n'))
      .map(([lines, end]) => Buffer.from(lines.join('\n') + end));
    await fc.assert(
      fc.asyncProperty(file, fc.array(fc.nat(500)), async (bytes, cuts) => {
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(await read(...pieces)).toEqual(await read(bytes));
      }),
    );
  });
});
