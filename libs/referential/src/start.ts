import { startService } from '@myelin/platform';
import type { ReferentialDefinition } from './definition.js';
import { ReferentialModule } from './referential.module.js';
import { referentialSettings } from './referential.settings.js';

/** Starts the service of one referential. */
export function startReferential(definition: ReferentialDefinition): Promise<void> {
  return startService({
    name: definition.entity,
    title: definition.title,
    settings: referentialSettings,
    module: (settings) => ReferentialModule.of(definition, settings),
  });
}
