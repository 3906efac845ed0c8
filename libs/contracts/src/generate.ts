import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONNECTOR_PULSED, DELIVERY_REPORTED } from './delivery.js';
import { ENTITIES } from './master.js';
import { masterSchema, messageSchema, pivotSchema } from './schema.js';

/** The generated contracts by file name, as they are committed in `libs/contracts/generated`. */
export function generatedContracts(): Record<string, string> {
  const files = ENTITIES.flatMap((entity): [string, object][] => [
    [`${entity}.pivot.schema.json`, pivotSchema(entity)],
    [`${entity}.master.schema.json`, masterSchema(entity)],
  ]);
  files.push(
    ['delivery.report.schema.json', messageSchema(DELIVERY_REPORTED)],
    ['connector.pulse.schema.json', messageSchema(CONNECTOR_PULSED)],
  );
  return Object.fromEntries(files.map(([name, schema]) => [name, `${JSON.stringify(schema, null, 2)}\n`]));
}

/** Writes the generated contracts into a folder. */
export function writeContracts(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(generatedContracts())) writeFileSync(join(folder, name), content);
}
