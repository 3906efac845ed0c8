import { choice, integer, list, text, url, type SettingsOf } from '@myelin/platform';

/** The settings of every connector, beside those of every service and those of its target. */
export const connectorSettings = {
  /** The database of this connector; created when missing. */
  DATABASE_URL: url(['postgres', 'postgresql']),
  KAFKA_BROKERS: list(),
  /** Put before the name of every topic and group, for several installations on one Kafka. */
  TOPIC_PREFIX: text(''),
  /** Whether `/explain` shows values of records, or only names and standings. */
  EXPLAIN_VALUES: choice(['yes', 'no'], 'no'),
  /** Days for which what a job has overwritten can be put back. */
  UNDO_DAYS: integer(0, 365, 14),
  /** How a connector starts whose database is new: a target that is in use is looked at first. */
  START_AS: choice(['write', 'observe', 'disabled'], 'write'),
  /** Tells connectors of one kind apart, each with a target and a database of its own (`ldap-campus`); their kind by default. */
  CONNECTOR_NAME: text(''),
};

export type ConnectorSettings = SettingsOf<typeof connectorSettings>;
