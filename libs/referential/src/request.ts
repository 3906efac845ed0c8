import type { Cause } from '@myelin/contracts';
import { correlationOf, ProblemError } from '@myelin/platform';
import type { Request } from 'express';

const LONGEST_REASON = 500;

/** The body of an order that must say why, in the API description. */
export const REASON_BODY = {
  schema: {
    type: 'object',
    required: ['reason'],
    properties: { reason: { type: 'string', minLength: 1, maxLength: LONGEST_REASON } },
  },
};

/** Why an order is given, as its body must say. */
export function reasonOf(body: unknown): string {
  const { reason } = (body ?? {}) as { reason?: unknown };
  if (typeof reason === 'string' && /\S/.test(reason) && reason.length <= LONGEST_REASON && !reason.includes('\0'))
    return reason;
  throw new ProblemError('invalid-document', 'the order must say why', {
    errors: [{ field: 'reason', message: `must be text of 1 to ${LONGEST_REASON} characters` }],
  });
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
