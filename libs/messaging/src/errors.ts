/** The error and everything that caused it, outermost first: kafkajs wraps errors in `cause` or `originalError`. */
export function* causes(error: unknown): Generator<Record<string, unknown>> {
  const seen = new Set<unknown>();
  const open = [error];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    yield next as Record<string, unknown>;
    const { cause, originalError, errors } = next as { cause?: unknown; originalError?: unknown; errors?: unknown };
    open.push(cause ?? undefined, originalError ?? undefined, ...(Array.isArray(errors) ? errors : []));
  }
}

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'TRANSACTION_COORDINATOR_FENCED']);

/** Code of PRODUCER_FENCED, which kafkajs 2.2.4 does not know. */
const PRODUCER_FENCED = /^Unknown error code 90$/;

/** True when the broker refuses the producer because a newer one took its transactional id (or its transaction outlasted the limit). */
export function isFenced(error: unknown): boolean {
  for (const { type, message } of causes(error)) {
    if (FENCED.has(type as string) || PRODUCER_FENCED.test(String(message))) return true;
  }
  return false;
}

/** True when the broker says that a topic is not there. */
export function isTopicMissing(error: unknown): boolean {
  return [...causes(error)].some(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION');
}
