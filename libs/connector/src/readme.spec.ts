import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

it('shows in its README the sample connector as it is, in forty lines or so', () => {
  const [, shown = ''] = /^```ts\n(.*?)^```$/ms.exec(read('libs/connector/README.md')) ?? [];
  expect(shown).toBe(read('apps/connector-sample/src/sample.connector.ts'));
  expect(shown.split('\n').length).toBeLessThanOrEqual(45);
});
