/** The error and everything that caused it, outermost first: kafkajs wraps errors in `cause` or `originalError`. */
export function causes(error: unknown): Record<string, unknown>[] {
  const found = new Set([error]);
  // A set may grow while it is walked, and takes nothing twice.
  for (const each of found) {
    if (typeof each !== 'object' || each === null) continue;
    const { cause, originalError, errors } = each as { cause?: unknown; originalError?: unknown; errors?: unknown };
    for (const inner of [cause, originalError, ...(Array.isArray(errors) ? (errors as unknown[]) : [])])
      found.add(inner);
  }
  return [...found].filter((each): each is Record<string, unknown> => typeof each === 'object' && each !== null);
}

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'TRANSACTION_COORDINATOR_FENCED']);

/** Code of PRODUCER_FENCED, which kafkajs 2.2.4 does not know. */
const PRODUCER_FENCED = /^Unknown error code 90$/;

/** True when the broker refuses the producer because a newer one took its transactional id (or its transaction outlasted the limit). */
export function isFenced(error: unknown): boolean {
  return causes(error).some(({ type, message }) => FENCED.has(type as string) || PRODUCER_FENCED.test(String(message)));
}

/** True when the broker says that a topic is not there. */
export function isTopicMissing(error: unknown): boolean {
  return causes(error).some(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION');
}
