import { list, optionalText, text, url, type SettingsOf } from '@myelin/platform';

/** The settings of a referential, beside those of every service. */
export const referentialSettings = {
  /** The database of this referential; created when missing. */
  DATABASE_URL: url(['postgres', 'postgresql']),
  KAFKA_BROKERS: list(),
  /** Put before the name of every topic, for several installations on one Kafka. */
  TOPIC_PREFIX: text(''),
  /** Survivorship rules that take the place of those of the referential; as a file: `SURVIVORSHIP_FILE` (docs/user-guide.md). */
  SURVIVORSHIP: optionalText(),
};

export type ReferentialSettings = SettingsOf<typeof referentialSettings>;
