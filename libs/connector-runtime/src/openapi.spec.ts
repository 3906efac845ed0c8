import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectorApi } from './openapi.js';

describe('openapi.json', () => {
  const committed = () => JSON.parse(readFileSync(join(__dirname, '../openapi.json'), 'utf8'));

  it('is committed as the code says (run `npm run contracts` after a change)', async () =>
    expect(committed()).toEqual(JSON.parse(await connectorApi())));

  it('describes the body of every order', () => {
    for (const [path, operations] of Object.entries(committed().paths as Record<string, Record<string, any>>)) {
      for (const [verb, { requestBody }] of Object.entries(operations)) {
        if (verb === 'get') continue;
        const schema = requestBody?.content['application/json'].schema;
        // A preview orders nothing.
        const named = path === '/overlay/preview' ? 'overlay' : 'author';
        expect([path, verb, schema?.properties?.[named]?.type]).toEqual([path, verb, 'string']);
      }
    }
  });

  it('describes the body of every answer', () => {
    for (const [path, operations] of Object.entries(committed().paths as Record<string, Record<string, any>>)) {
      for (const [verb, { responses }] of Object.entries(operations)) {
        const success = Object.keys(responses).filter((status) => status.startsWith('2'));
        const bodies = success.map((status) => {
          const { 'application/json': json, ...files } = responses[status].content ?? {};
          return json ? json.schema.$ref : Object.keys(files).length > 0;
        });
        expect([path, verb, success.length > 0 && bodies.every(Boolean)]).toEqual([path, verb, true]);
      }
    }
  });
});
