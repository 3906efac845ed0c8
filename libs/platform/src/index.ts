export { correlationOf } from './correlation.js';
export { kept, openDatabase, type DatabaseOptions } from './database.js';
export { Health, type HealthReport, type HealthStatus } from './health.js';
export { createLogger, type Logger } from './logger.js';
export { Counter, Gauge, Histogram } from './metrics.js';
export { briefly, isServerAway, ProblemError, ProblemFilter, wholeNumber } from './problem.js';
export {
  createApp,
  describeApi,
  LOGGER,
  serviceSettings,
  settingsOrLeave,
  startService,
  type ServiceDefinition,
} from './service.js';
export {
  choice,
  integer,
  list,
  optionalText,
  printable,
  readSettings,
  secret,
  SettingsFault,
  text,
  url,
  type Setting,
  type SettingsOf,
  type SettingsSpec,
  withFiles,
} from './settings.js';
