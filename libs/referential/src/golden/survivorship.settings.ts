import { SettingsFault } from '@myelin/platform';
import type { ReferentialDefinition } from '../definition.js';
import { survivorship, survivorshipFaults, type Survivorship, type SurvivorshipFile } from './survivorship.js';

/**
 * The survivorship rules of a referential: those that are given as JSON, or its own.
 * @throws SettingsFault naming every fault.
 */
export function readSurvivorship(definition: ReferentialDefinition, text: string | undefined): Survivorship {
  if (text === undefined) return survivorship(definition.survivorship);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new SettingsFault(['SURVIVORSHIP is no JSON']);
  }
  const faults = survivorshipFaults(definition.entity, given);
  if (faults.length > 0) throw new SettingsFault(faults.map((fault) => `SURVIVORSHIP ${fault}`));
  return survivorship(given as SurvivorshipFile);
}
