import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeContracts } from '@myelin/contracts';
import { connectorApi, hookApi } from '@myelin/connector-runtime';
import { openApi } from '@myelin/referential';
import { repositoryRoot } from '@myelin/testing';
import { openApi as deliveriesApi } from '../apps/deliveries/src/openapi.js';
import { person } from '../apps/person/src/person.definition.js';
import { structure } from '../apps/structure/src/structure.definition.js';
import { thirdParty } from '../apps/third-party/src/third-party.definition.js';

/** Writes everything that is generated from the contract classes: JSON Schemas, and the OpenAPI documents of each service that has an API and of what a hook must offer. */
async function main(): Promise<void> {
  writeContracts(join(repositoryRoot(), 'libs/contracts/generated'));
  for (const definition of [person, structure, thirdParty]) {
    writeFileSync(join(repositoryRoot(), 'apps', definition.entity, 'openapi.json'), await openApi(definition));
  }
  writeFileSync(join(repositoryRoot(), 'libs/connector-runtime/openapi.json'), await connectorApi());
  writeFileSync(join(repositoryRoot(), 'libs/connector-runtime/hook.openapi.json'), hookApi());
  writeFileSync(join(repositoryRoot(), 'apps/deliveries/openapi.json'), await deliveriesApi());
}

void main();
