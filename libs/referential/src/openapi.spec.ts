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
      'delete /things/{id}/decisions/{part}',
      'get /imports/{id}',
      'get /reconciliations/{id}',
      'get /reconciliations/{id}/report',
      'get /restored/unknown',
      'get /sources',
      'get /tasks',
      'get /tasks/{id}',
      'get /things',
      'get /things/{id}',
      'get /things/{id}/decisions',
      'get /things/{id}/difference',
      'get /things/{id}/history',
      'get /things/{id}/provenance',
      'get /things/{id}/sources',
      'patch /things/{id}',
      'post /imports',
      'post /reconciliations',
      'post /republish',
      'post /restored',
      'post /restored/end-unknown',
      'post /sources/{source}/retirement',
      'post /sources/{source}/return',
      'post /tasks/{id}/assignment',
      'post /tasks/{id}/comments',
      'post /tasks/{id}/decision',
      'post /things',
      'post /things/{id}/deactivation',
      'post /things/{id}/reactivation',
      'post /things/{id}/roles/{role}/deactivation',
      'post /things/{id}/roles/{role}/reactivation',
      'put /sources/{source}/records/{sourceId}',
      'put /things/{id}/decisions/{part}',
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
