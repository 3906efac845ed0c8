export {
  BatchConsumer,
  connectBatchConsumer,
  type Batch,
  type BatchConsumerOptions,
  type ConsumerState,
} from './batch-consumer.js';
export { newestIncarnation, OtherIncarnation } from './incarnation.js';
export { createKafka, type KafkaClient, type KafkaOptions } from './kafka.js';
export { isUnreadable, readEvent, type Incoming, type Received, type Unreadable } from './message.js';
export type { Leadership, Outbox, OutboxRow, PublishedState, Publication } from './outbox.js';
export { Relay, type RelayOptions, type RelayState } from './relay.js';
export { readTopic, topicEnds } from './topic-reader.js';
export { ensureTopics, TopicMismatch, type EnsureTopicsOptions } from './topics.js';
