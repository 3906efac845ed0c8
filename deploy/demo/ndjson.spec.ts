import { ndjson, ndjsonLine, type ImportRecord } from './ndjson.js';

const record = (i: number): ImportRecord => ({
  sourceId: `S${i}`,
  document: { birthName: `Nœud ${i}`, givenNames: ['É'] },
});

test('a line holds the source id, the version when there is one, and the fields', () => {
  expect(ndjsonLine(record(1))).toBe('{"sourceId":"S1","birthName":"Nœud 1","givenNames":["É"]}\n');
  expect(ndjsonLine({ ...record(1), version: 7 })).toContain('{"sourceId":"S1","version":7,"birthName"');
});

test('the stream carries every record in order, in pieces of about the size asked for', async () => {
  const pieces: string[] = [];
  for await (const piece of ndjson(
    Array.from({ length: 5000 }, (_, i) => record(i)),
    { chunk: 10_000 },
  ))
    pieces.push(piece);
  expect(pieces.slice(0, -1).every((piece) => piece.length >= 10_000 && piece.length < 10_200)).toBe(true);
  const lines = pieces.join('').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as ImportRecord).sourceId)).toEqual(
    Array.from({ length: 5000 }, (_, i) => `S${i}`),
  );
});

test('records are made as they are read: a slow reader holds back the generator', async () => {
  let made = 0;
  function* endless() {
    for (;;) yield record(made++);
  }
  const stream = ndjson(endless(), { chunk: 1000 });
  const reader = stream[Symbol.asyncIterator]();
  await reader.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(made).toBeLessThan(200);
  await reader.return?.();
  expect(stream.destroyed).toBe(true);
});

test('no record gives an empty body', async () => {
  const pieces = await ndjson([]).toArray();
  expect(pieces).toEqual([]);
});
