export type { ReferentialDefinition } from './definition.js';
export { ReferentialModule } from './referential.module.js';
export { startReferential } from './start.js';
