import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { PROBLEM_TYPES, type FieldFault, type Problem, type ProblemType } from '@myelin/contracts';
import type { Request, Response } from 'express';
import type { Logger } from './logger.js';
import { correlationOf, routeOf } from './correlation.js';

/** A failure that the caller can understand: thrown by rules and stores, turned into a problem document at the edge. */
export class ProblemError extends Error {
  constructor(
    readonly type: ProblemType,
    detail: string,
    readonly options: { cause?: unknown; errors?: readonly FieldFault[] } = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'ProblemError';
  }
}

/** Turns whatever was thrown into an RFC 9457 problem document; a failure of the service is logged, never shown. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const error = asProblem(thrown);
    const { status, title } = PROBLEM_TYPES[error.type];
    if (status >= 500) {
      this.logger.error(
        { correlationId: correlationOf(request), route: routeOf(request), err: briefly(thrown) },
        title,
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const problem: Problem = {
      type: `urn:myelin:problem:${error.type}`,
      title,
      status,
      ...(error.type === 'internal' ? {} : { detail: error.message }),
      correlationId: correlationOf(request),
      ...(error.options.errors ? { errors: [...error.options.errors] } : {}),
    };
    if (status === 503) response.setHeader('Retry-After', '5');
    response.status(status).type('application/problem+json').send(JSON.stringify(problem));
  }
}

const BY_STATUS: Record<number, ProblemType> = {
  400: 'malformed-request',
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'too-large',
  415: 'unsupported-media-type',
  503: 'unavailable',
};

function asProblem(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  // body-parser wraps what its verification threw.
  if (thrown instanceof Error && thrown.cause instanceof ProblemError) return thrown.cause;
  if (thrown instanceof HttpException) return fromStatus(thrown.getStatus(), thrown);
  if (thrown instanceof Error && isServerAway(thrown))
    return new ProblemError('unavailable', 'the database does not answer');
  // body-parser and multipart errors carry their status and a type.
  const status = (thrown as { status?: unknown })?.status;
  if (typeof status === 'number' && status < 500 && thrown instanceof Error) return fromStatus(status, thrown);
  return new ProblemError('internal', 'the service failed', { cause: thrown });
}

function fromStatus(status: number, error: Error): ProblemError {
  const type = BY_STATUS[status] ?? (status < 500 ? 'malformed-request' : 'internal');
  return new ProblemError(type, status === 413 ? 'the body exceeds the limit of this resource' : error.message, {
    cause: error,
  });
}

const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  '57P01',
  '57P02',
  '57P03',
  '08006',
  '08001',
  '53300',
]);

/** True when the error says that the database cannot be reached or is going down. */
export function isServerAway(error: Error): boolean {
  const code = (error as { code?: unknown }).code ?? (error.cause as { code?: unknown } | undefined)?.code;
  return (
    (typeof code === 'string' && AWAY.has(code)) ||
    /Connection terminated|timeout exceeded when trying to connect|Query read timeout/i.test(error.message)
  );
}

/** What a log line may say of an error: no SQL parameters, no documents. */
export function briefly(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: typeof thrown };
  const { code } = thrown as { code?: unknown };
  return {
    type: thrown.name,
    code,
    message: thrown.message.slice(0, 300),
    stack: thrown.stack
      ?.split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 5)
      .join('\n'),
  };
}

/** A whole number in the query string, between bounds; 400 otherwise. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number >= min && number <= max) return number;
  throw new ProblemError('malformed-request', `${name} must be a whole number from ${min} to ${max}`);
}
