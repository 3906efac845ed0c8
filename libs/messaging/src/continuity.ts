import { isUnreadable, readEvent, type Incoming } from './message.js';
import type { KafkaClient } from './kafka.js';
import { nextIncarnation } from './incarnation.js';
import type { Outbox, Publication } from './outbox.js';
import { readTopic, topicEnds } from './topic-reader.js';

/** The topic holds states that the database does not know: it was restored to an earlier point, and must not publish before a person said so. */
export class DatabaseBehind extends Error {
  constructor(
    topic: string,
    /** Epoch of the database that was found to be behind. */
    readonly epoch: number,
    state: { id: string; epoch: number; revision: number },
  ) {
    super(
      `the database is behind its topic ${topic}, which holds ${state.id} at epoch ${state.epoch}, revision ${state.revision}: ` +
        'it was restored to an earlier point. Nothing is published until POST /restored (docs/runbook.md)',
    );
    this.name = 'DatabaseBehind';
  }
}

/** The topic is not the one that was published to a moment ago: it was deleted, or lost, and created again. */
export class TopicReplaced extends Error {
  constructor(topic: string) {
    super(`topic ${topic} ends before what was published to it: it was lost and began anew`);
    this.name = 'TopicReplaced';
  }
}

/** True when the topic ends before what was recorded as published: what stood there is lost. */
export const endsBefore = (ends: readonly bigint[], recorded: readonly bigint[]): boolean =>
  recorded.some((end, partition) => (ends[partition] ?? 0n) < end);

/** Begins another incarnation of the topic; of two relays that find it lost at once, one decides for both. */
export async function beginIncarnation(outbox: Outbox, previous: string | null): Promise<void> {
  await outbox.renew(previous, nextIncarnation(previous));
}

/**
 * Makes sure that the topic and the database belong together, before anything is sent: a topic that lost what was published
 * gets a new incarnation, and a database that does not know what stands on its topic is refused. To be called when every older
 * relay is fenced, so that the ends do not move.
 * @throws DatabaseBehind
 */
export async function establish(
  client: KafkaClient,
  name: string,
  outbox: Outbox,
): Promise<{ publication: Publication; ends: bigint[] }> {
  // Read before the ends are asked for: what is recorded then already stands on the topic.
  let known = await outbox.publication();
  const ends = await topicEnds(client, name);
  if (known.incarnation === null || endsBefore(ends, known.ends)) {
    await beginIncarnation(outbox, known.incarnation);
    known = await outbox.publication();
  }
  // Beyond the recorded ends stands what a relay could not record before it died, or what a restored database has forgotten.
  const from = ends.map((_, partition) => known.ends[partition] ?? 0n);
  if (endsBefore(from, ends)) {
    await readTopic(client, name, { from, to: ends }, (messages) => recognise(messages, name, known, outbox));
    await outbox.done([], { ...known, ends });
  }
  return { publication: known, ends };
}

/** Throws when the database does not know one of the states; those of an earlier epoch are superseded, known or not. */
async function recognise(
  messages: readonly Incoming[],
  name: string,
  known: Publication,
  outbox: Outbox,
): Promise<void> {
  const states = messages
    .map(readEvent)
    .flatMap((event) => (isUnreadable(event) ? [] : [event.attributes]))
    .filter(({ epoch }) => epoch >= known.epoch)
    .map(({ subject, epoch, revision, time }) => ({ id: subject, epoch, revision, time }));
  const later = states.find(({ epoch }) => epoch > known.epoch);
  const unknown = later ?? (states.length > 0 ? await outbox.findUnknown(states) : null);
  if (unknown) throw new DatabaseBehind(name, known.epoch, unknown);
}
