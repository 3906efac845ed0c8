import { choice, integer, list, text, url, type SettingsOf } from '@myelin/platform';
import { hookSecret, hookSetting } from './custom/hook.settings.js';
import { overlaySetting } from './custom/overlay.document.js';

/** The settings of every connector, beside those of every service and those of its target. */
export const connectorSettings = {
  /** The database of this connector; created when missing. */
  DATABASE_URL: url(['postgres', 'postgresql']),
  KAFKA_BROKERS: list(),
  /** Put before the name of every topic and group, for several installations on one Kafka. */
  TOPIC_PREFIX: text(''),
  /** Whether `/explain` and the files of planned undos show values of records, or only names and standings. */
  EXPLAIN_VALUES: choice(['yes', 'no'], 'no'),
  /** Entities that are looked at in the target in an hour, whether it still has what it must; 0: none. */
  VERIFY_PER_HOUR: integer(0, 30_000, 600),
  /** Days for which what a job has overwritten can be put back. */
  UNDO_DAYS: integer(0, 365, 14),
  /** How a connector starts whose database is new: a target that is in use is looked at first. */
  START_AS: choice(['write', 'observe', 'disabled'], 'write'),
  /** Tells connectors of one kind apart, each with a target and a database of its own (`ldap-campus`); their kind by default. */
  CONNECTOR_NAME: text(''),
  /** Attributes that the establishment adds to the mapping, changes or drops; as a file: `OVERLAY_FILE`. */
  OVERLAY: overlaySetting,
  /** The web services of the establishment that enrich records, by kind of record, and under what the questions are signed. */
  HOOK: hookSetting,
  HOOK_SECRET: hookSecret,
};

export type ConnectorSettings = SettingsOf<typeof connectorSettings>;
