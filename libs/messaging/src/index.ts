export {
  BatchConsumer,
  connectBatchConsumer,
  type Batch,
  type BatchConsumerOptions,
  type ConsumerState,
  type Reading,
} from './batch-consumer.js';
export { newestIncarnation, OtherIncarnation } from './incarnation.js';
export { createKafka, type KafkaClient, type KafkaOptions } from './kafka.js';
export {
  isUnreadable,
  readEvent,
  readMessage,
  type Incoming,
  type Reader,
  type Received,
  type Unreadable,
} from './message.js';
export type { Leadership, Outbox, OutboxRow, PublishedState } from './outbox.js';
export { Publisher, type Publication, type PublisherOptions } from './publisher.js';
export { Relay, type RelayOptions, type RelayState } from './relay.js';
export { readTopic, topicEnds } from './topic-reader.js';
export { ensureTopics, TopicMismatch, type EnsureTopicsOptions } from './topics.js';
