import { isMainThread } from 'node:worker_threads';
import { BatchConsumer, connectBatchConsumer } from '@myelin/messaging';
import {
  readSettings,
  serviceSettings,
  settingsOrLeave,
  startService,
  withFiles,
  type SettingsOf,
  type SettingsSpec,
} from '@myelin/platform';
import { ConnectorRuntimeModule, type ConnectorDefinition } from './connector-runtime.module.js';
import { connectorSettings, type ConnectorSettings } from './connector-runtime.settings.js';
import { serveScans } from './jobs/scan.thread.js';
import { checkAndTell } from './operators/check.js';

/**
 * Starts the service of one connector; `settings` are those of its target, `define` makes the connector of them. `main` is the
 * module that calls this (`__filename`): threads of the process start with it as well, and only map. With the argument
 * `check`, the process tells whether it could work, and leaves.
 */
export async function startConnector<S extends SettingsSpec>(options: {
  name: string;
  title: string;
  main: string;
  settings: S;
  define: (settings: SettingsOf<S>) => ConnectorDefinition;
}): Promise<void> {
  const spec = { ...connectorSettings, ...options.settings };
  const define = (settings: unknown) => options.define(settings as SettingsOf<S>);
  if (!isMainThread) {
    const settings = readSettings({ ...serviceSettings, ...spec }) as unknown as ConnectorSettings & {
      LOG_LEVEL: string;
    };
    return serveScans(define(settings).connector, settings);
  }
  if (process.argv[2] === 'check') {
    const settings = settingsOrLeave(spec);
    process.exit(await checkAndTell(define(settings).connector, settings as unknown as ConnectorSettings));
  }
  return startService({
    ...{ name: options.name, title: options.title, settings: spec },
    module: (settings) =>
      ConnectorRuntimeModule.of(define(settings), settings as unknown as ConnectorSettings, {
        main: options.main,
        env: withFiles({ ...serviceSettings, ...spec }),
      }),
    prepare: async (app) => {
      connectBatchConsumer(app, app.get(BatchConsumer));
      await app.startAllMicroservices();
    },
  });
}
