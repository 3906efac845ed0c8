import type { FieldFault } from './schema.js';

/** An RFC 9457 problem document (`application/problem+json`). */
export interface Problem {
  /** One of `PROBLEM_TYPES`, as `urn:myelin:problem:<name>`. */
  type: string;
  title: string;
  status: number;
  /** What was tried and on which id; never a person's data. */
  detail?: string;
  /** The request, for a support ticket. */
  correlationId?: string;
  /** The fields at fault, when the fault lies in a document. */
  errors?: FieldFault[];
}

/** Every kind of problem that the APIs answer, with its title and HTTP status. */
export const PROBLEM_TYPES = {
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  forbidden: { status: 403, title: 'This is not allowed here' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'This resource does not know that method' },
  conflict: { status: 409, title: 'The request contradicts the present state' },
  'version-mismatch': { status: 412, title: 'The record has changed since it was read' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a type that is not taken here' },
  'invalid-document': { status: 422, title: 'The document breaks the contract' },
  'version-required': { status: 428, title: 'The version that was read must be named in If-Match' },
  unavailable: { status: 503, title: 'A server that is needed does not answer' },
  internal: { status: 500, title: 'The service failed' },
} as const;

export type ProblemType = keyof typeof PROBLEM_TYPES;
