import { StateAndLedger1764000000000 } from './migrations/1-state-and-ledger.js';
import { JobsAndGuards1764100000000 } from './migrations/2-jobs-and-guards.js';
import { JobTally1764200000000 } from './migrations/3-job-tally.js';
import { OpenItems1764290000000 } from './migrations/4-open-items.js';
import { PlanSummary1764300000000 } from './migrations/5-plan-summary.js';
import { ProjectionOfAll1764310000000 } from './migrations/6-projection-of-all.js';
import { AcknowledgedRows1764320000000 } from './migrations/7-acknowledged-rows.js';
import { Findings1764330000000 } from './migrations/8-findings.js';
import { Undo1764340000000 } from './migrations/9-undo.js';
import { HookAnswers1764350000000 } from './migrations/10-hook-answers.js';
import { Adoption1764360000000 } from './migrations/11-adoption.js';
import { Verification1764370000000 } from './migrations/12-verification.js';

/** The schema of every connector's database, oldest step first. */
export const MIGRATIONS = [
  StateAndLedger1764000000000,
  JobsAndGuards1764100000000,
  JobTally1764200000000,
  OpenItems1764290000000,
  PlanSummary1764300000000,
  ProjectionOfAll1764310000000,
  AcknowledgedRows1764320000000,
  Findings1764330000000,
  Undo1764340000000,
  HookAnswers1764350000000,
  Adoption1764360000000,
  Verification1764370000000,
];
