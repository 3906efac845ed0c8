import { readFileSync } from 'node:fs';
import { SettingsFault } from '@myelin/platform';
import type { ReferentialDefinition } from '../definition.js';
import { survivorship, survivorshipFaults, type Survivorship, type SurvivorshipFile } from './survivorship.js';

/**
 * The survivorship rules of a referential: those of the file, or its own.
 * @throws SettingsFault naming every fault of the file.
 */
export function readSurvivorship(definition: ReferentialDefinition, file: string | undefined): Survivorship {
  if (file === undefined) return survivorship(definition.survivorship);
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new SettingsFault([`SURVIVORSHIP_FILE cannot be read as JSON: ${(cause as Error).name}`]);
  }
  const faults = survivorshipFaults(definition.entity, given);
  if (faults.length > 0) throw new SettingsFault(faults.map((fault) => `SURVIVORSHIP_FILE ${fault}`));
  return survivorship(given as SurvivorshipFile);
}
