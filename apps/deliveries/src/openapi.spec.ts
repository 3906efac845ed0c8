import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApi } from './openapi.js';

describe('openapi.json', () => {
  it('is committed as the code says (run `npm run contracts` after a change)', async () =>
    expect(JSON.parse(readFileSync(join(__dirname, '../openapi.json'), 'utf8'))).toEqual(JSON.parse(await openApi())));
});
