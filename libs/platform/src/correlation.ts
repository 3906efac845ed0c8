import { newCorrelationId } from '@myelin/contracts';
import type { NextFunction, Request, Response } from 'express';

const HEADER = 'x-correlation-id';
const ACCEPTED = /^[A-Za-z0-9._:-]{1,64}$/;
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

type Correlated = Request & { correlationId?: string };

/** Gives every request a correlation id: the caller's `X-Correlation-Id`, else its trace id, else a new one; and echoes it. */
export function correlate(request: Request, response: Response, next: NextFunction): void {
  const given = request.header(HEADER);
  const traced = TRACEPARENT.exec(request.header('traceparent') ?? '')?.[1];
  const id = given !== undefined && ACCEPTED.test(given) ? given : (traced ?? newCorrelationId());
  (request as Correlated).correlationId = id;
  response.setHeader('X-Correlation-Id', id);
  next();
}

/** The correlation id that `correlate` gave to the request. */
export function correlationOf(request: Request): string {
  return ((request as Correlated).correlationId ??= newCorrelationId());
}

/** The route that a request matched, as it is declared (`/persons/:id`): safe to log, unlike the path. */
export function routeOf(request: Request): string {
  return (request.route as { path?: string } | undefined)?.path ?? 'unmatched';
}
