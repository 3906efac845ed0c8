import type { Logger } from '@myelin/platform';
import { Kafka, logLevel, type KafkaConfig, type LogEntry } from 'kafkajs';
import { correctRequestQueue } from './request-queue.js';

export interface KafkaOptions {
  /** `host:port` of one or more brokers. */
  brokers: readonly string[];
  clientId: string;
  logger: Logger;
  /** Stands before every topic, group and transactional id of the installation; may be empty. */
  topicPrefix?: string;
  /** TLS and SASL, as kafkajs takes them. */
  security?: Pick<KafkaConfig, 'ssl' | 'sasl'>;
}

/** A configured access to Kafka; opens no connection by itself. */
export interface KafkaClient {
  readonly kafka: Kafka;
  readonly topicPrefix: string;
  readonly logger: Logger;
}

/** What kafkajs says that nobody else would report; all the rest reaches its caller as an error and is reported there, once. */
const UNHEARD = /^(Offset out of range|Failed to execute listener)/;

/** The Kafka access of a process, with kafkajs's own log lines at `debug`. */
export function createKafka(options: KafkaOptions): KafkaClient {
  const { logger } = options;
  if (!correctRequestQueue()) {
    logger.warn('this version of kafkajs is not known: the correction of its idle loop was left out');
  }
  const kafka = new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: 20_000,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, multiplier: 2, factor: 0.2, retries: 5 },
    logLevel: logger.isLevelEnabled('trace')
      ? logLevel.DEBUG
      : logger.isLevelEnabled('debug')
        ? logLevel.INFO
        : logLevel.ERROR,
    logCreator: () => (entry) => passOn(entry, logger),
    ...options.security,
  });
  return { kafka, topicPrefix: options.topicPrefix ?? '', logger };
}

/** Only named fields are copied: kafkajs may put a whole response into a line. */
function passOn({ level, namespace, log }: LogEntry, logger: Logger): void {
  const fields = {
    kafkajs: namespace,
    broker: log.broker as unknown,
    groupId: log.groupId as unknown,
    topic: log.topic as unknown,
    partition: log.partition as unknown,
    error: typeof log.error === 'string' ? log.error : undefined,
  };
  const to =
    level === logLevel.DEBUG ? 'trace' : level === logLevel.ERROR && UNHEARD.test(log.message) ? 'warn' : 'debug';
  logger[to](fields, log.message);
}
