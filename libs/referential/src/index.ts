export type { ReferentialDefinition } from './definition.js';
export type { Period } from './golden/days.js';
export { openApi } from './openapi.js';
export { ReferentialModule } from './referential.module.js';
export { startReferential } from './start.js';
