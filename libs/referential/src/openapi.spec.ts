import { ENTITIES, PIVOT, type Entity } from '@myelin/contracts';
import type { ReferentialDefinition } from './definition.js';
import { openApi } from './openapi.js';

const things = (entity: Entity): ReferentialDefinition => ({
  ...{
    entity,
    path: 'things',
    title: 'Things',
    letter: 'X',
    roleNames: [],
    roles: () => ({}),
    survivorship: { groups: {} },
  },
});

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { summary?: string; requestBody?: unknown; responses: object }>>;
  components: { schemas: Record<string, object> };
}

describe.each(ENTITIES)('the API description of a %s referential', (entity) => {
  let document: Document;
  beforeAll(async () => {
    document = JSON.parse(await openApi(things(entity))) as Document;
  });

  it('is there without any server, and the same each time', async () =>
    expect(JSON.parse(await openApi(things(entity)))).toEqual(document));

  it('names every resource, and nothing that is for operators only', () => {
    expect(document.openapi).toBe('3.1.0');
    const resources = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(resources.sort()).toEqual([
      'get /imports/{id}',
      'get /reconciliations/{id}',
      'get /reconciliations/{id}/report',
      'get /restored/unknown',
      'get /things',
      'get /things/{id}',
      'patch /things/{id}',
      'post /imports',
      'post /reconciliations',
      'post /republish',
      'post /restored',
      'post /restored/end-unknown',
      'post /things',
      'post /things/{id}/deactivation',
      'post /things/{id}/reactivation',
      'put /sources/{source}/records/{sourceId}',
    ]);
  });

  it('says of each what it is for', () => {
    for (const one of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
      expect(one.summary).toMatch(/\w/);
    }
  });

  it('refers only to schemas that it holds, the pivot of the entity among them', () => {
    const used = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(used).toContain(PIVOT[entity].name);
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(used));
  });
});
