import { FirstFloor1764000000000 } from './migrations/1-first-floor.js';
import { Recovery1764200000000 } from './migrations/2-recovery.js';
import { Reconciliation1764350000000 } from './migrations/3-reconciliation.js';
import { OneTrustedRecord1764500000000 } from './migrations/4-one-trusted-record.js';

/** The schema of every referential's database, oldest step first. */
export const MIGRATIONS = [
  FirstFloor1764000000000,
  Recovery1764200000000,
  Reconciliation1764350000000,
  OneTrustedRecord1764500000000,
];
