import { CHECKS, type Cause } from '@myelin/contracts';
import { correlationOf, ProblemError } from '@myelin/platform';
import type { Request } from 'express';

export const LONGEST_REASON = 500;

/** The body of an order that must say why, in the API description. */
export const REASON_BODY = {
  schema: {
    type: 'object',
    required: ['reason'],
    properties: { reason: { type: 'string', minLength: 1, maxLength: LONGEST_REASON } },
  },
};

/** Why an order is given, as its body must say. */
export const reasonOf = (body: unknown): string => textIn(body, 'reason');

/** A short text that a body must hold. */
export function textIn(body: unknown, field: string): string {
  const value = ((body ?? {}) as Record<string, unknown>)[field];
  if (typeof value === 'string' && /\S/.test(value) && value.length <= LONGEST_REASON && !value.includes('\0'))
    return value;
  throw fieldProblem(field, `must be text of 1 to ${LONGEST_REASON} characters`);
}

/** A body is wrong in one field. */
export const fieldProblem = (field: string, message: string): ProblemError =>
  new ProblemError('invalid-document', `${field} ${message}`, { errors: [{ field, message }] });

/** A word of a closed list in a query; 400 when it is none. */
export function oneOf<const W extends string>(name: string, value: string, words: readonly W[]): W {
  const word = words.find((one) => one === value);
  if (word === undefined) throw new ProblemError('malformed-request', `${name} must be one of ${words.join(', ')}`);
  return word;
}

/** An instant in a query, RFC 3339; 400 when it is none. */
export function instantOf(name: string, text: string | undefined): Date {
  if (CHECKS.instant(text, undefined) === undefined) return new Date(text as string);
  throw new ProblemError('malformed-request', `${name} must be an RFC 3339 time`);
}

/** Who gives an order. */
export const actorOf = (request: Request): string => causeOf(request).actor ?? 'unknown';

/** Where a request comes from, as far as the referential records it. */
export function causeOf(request: Request, reason?: string): Cause {
  const traceparent = request.header('traceparent');
  return {
    correlationId: correlationOf(request),
    ...(traceparent ? { traceparent } : {}),
    ...(reason ? { reason } : {}),
  };
}

/** The revision that `If-Match` names; 428 without the header, 400 when it is none of our entity tags. */
export function revisionSeen(request: Request): number {
  const header = request.header('if-match');
  if (header === undefined)
    throw new ProblemError('version-required', 'name the revision that you read in If-Match: "<revision>"');
  const revision = /^"(\d{1,9})"$/.exec(header.trim())?.[1];
  if (revision === undefined)
    throw new ProblemError('malformed-request', 'If-Match must be one entity tag as given by ETag');
  return Number(revision);
}

/** Where a page begins: the `next` of the page before; 400 when it cannot be one. */
export function pageStart(text: unknown): string {
  if (typeof text === 'string' && UUID.test(text)) return text;
  throw new ProblemError('malformed-request', 'cursor must be `next` of the page before');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for the text of a UUID in its canonical form. */
export const isMasterId = (text: string): boolean => UUID.test(text);

/** A master id in the path; 404 when it cannot be one. */
export function masterId(text: string): string {
  const id = text.toLowerCase();
  if (!isMasterId(id)) throw new ProblemError('not-found', 'that is no master id');
  return id;
}
