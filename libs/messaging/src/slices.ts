/** Most that a handler gets at once, after decompression. */
export interface SliceLimits {
  messages: number;
  bytes: number;
}

export const SLICE_LIMITS: SliceLimits = { messages: 500, bytes: 4_000_000 };

/** Cuts messages, in their order, into slices within the limits; a message that alone exceeds the bytes is a slice of its own. */
export function* slices<M extends { value: Buffer | null }>(
  messages: readonly M[],
  limits: SliceLimits = SLICE_LIMITS,
): Generator<M[]> {
  let slice: M[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = message.value?.length ?? 0;
    if (slice.length > 0 && (slice.length >= limits.messages || bytes + size > limits.bytes)) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(message);
    bytes += size;
  }
  if (slice.length > 0) yield slice;
}
