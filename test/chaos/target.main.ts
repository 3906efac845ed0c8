import { choice, integer, readSettings, text } from '@myelin/platform';
import { Target } from './target.js';

const { PORT, TARGET_LOG, SEED, IF_MATCH } = readSettings({
  PORT: integer(1, 65535),
  /** File that every write is appended to. */
  TARGET_LOG: text(),
  SEED: integer(0, Number.MAX_SAFE_INTEGER),
  /** Whether changes must name the version that they replace. */
  IF_MATCH: choice(['yes', 'no']),
});
process.on('SIGTERM', () => process.exit(0));
void Target.start({ port: PORT, log: TARGET_LOG, seed: SEED, ifMatch: IF_MATCH === 'yes' });
