import { integer, list, text, url, type SettingsOf } from '@myelin/platform';

/** The settings of this service, beside those of every service. */
export const deliveriesSettings = {
  /** The database of this service; created when missing. */
  DATABASE_URL: url(['postgres', 'postgresql']),
  KAFKA_BROKERS: list(),
  /** Put before the name of every topic and group, for several installations on one Kafka. */
  TOPIC_PREFIX: text(''),
  /** Days for which changes and deliveries are kept. */
  DELIVERIES_DAYS: integer(1, 3650, 90),
};

export type DeliveriesSettings = SettingsOf<typeof deliveriesSettings>;
