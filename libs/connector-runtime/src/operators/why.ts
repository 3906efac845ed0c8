import type { GateState } from '../work/gate.js';
import type { Mapping } from '../work/mapper.js';
import { ledgerErrorOf } from '../work/outcome.js';
import type { Explained } from './explain.sql.js';

/** Whether anything is written at this moment. */
export interface Work {
  /** What an operator has switched: `paused`, `disabled`, `maintenance`. */
  readonly blocked: string | undefined;
  readonly gate: { readonly state: GateState; readonly detail: string };
}

/** One sentence per thing that keeps the target from having what it should, or that it has it. No value of the record. */
export function whyOf(found: Explained, mapping: Mapping, work: Work): string[] {
  const why = [...mapped(found, mapping), ...standing(found), ...due(found, work)];
  for (const { field, message } of mapping.faults) why.push(`left out: ${field} ${message}`);
  return why.length > 0 ? why : ['the target has acknowledged the newest revision'];
}

/** What the mapping comes to. */
function mapped({ isNamed }: Explained, mapping: Mapping): string[] {
  const why: string[] = [];
  if (mapping.is === 'skipped') why.push('out of scope: the mapping says that this record is none of this target');
  if (mapping.is === 'absent') why.push('the mapping says that the record must not exist in the target');
  if (mapping.is === 'failed') why.push(`the mapping fails: ${ledgerErrorOf(mapping.error).message}`);
  if (mapping.name !== undefined && !isNamed)
    why.push(
      'no name is allocated to it yet: it gets one when it is written, and is shown here with the first candidate',
    );
  const without = mapping.is === 'waiting' ? 'waits for' : 'mapped without';
  for (const key of mapping.waitsFor ?? [])
    why.push(`${without} ${key.replace('|', ' ')}, which the target does not have`);
  return why;
}

/** What became of the last attempt. */
function standing({ status, attempts, error, ticket, held, suspendedOn }: Explained): string[] {
  const why: string[] = [];
  const by = error?.name === 'HookFailed' ? 'for want of what enriches it' : 'by the target';
  if (status === 'due' && error) why.push(`put off ${by}, attempt ${attempts}: ${error.message}`);
  if (status === 'parked' || status === 'dismissed') why.push(`${status} as ${ticket ?? '?'}: ${error?.message ?? ''}`);
  if (status === 'held') why.push(`held back by a guard: ${held ?? ''}`);
  if (status === 'observed') why.push('the connector only observes');
  if (suspendedOn !== null) why.push(`suspended on ${suspendedOn}, to be removed when the grace is over`);
  return why;
}

/** When it is looked at next, and what is in the way. */
function due({ status, dueAt, hasDay, cause, now }: Explained, { blocked, gate }: Work): string[] {
  if (!dueAt) return [];
  if (dueAt > now) {
    const because = status === 'due' ? cause : hasDay ? 'date' : 'what was left out';
    return [`to be looked at again at ${dueAt.toISOString()} because of ${because}`];
  }
  const but = blocked === undefined ? [] : [`the connector is ${blocked}`];
  if (gate.state === 'paused') but.push(`nothing is written for now: ${gate.detail}`);
  if (gate.state === 'stopped') but.push(`the connector is stopped: ${gate.detail}`);
  return [but.length > 0 ? `due, but ${but.join('; ')}` : `due because of ${cause}`];
}
