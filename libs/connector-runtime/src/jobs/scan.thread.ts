import { parentPort } from 'node:worker_threads';
import type { Connector } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import { createLogger, openDatabase } from '@myelin/platform';
import type { ConnectorSettings } from '../connector-runtime.settings.js';
import { Hooks } from '../custom/hooks.js';
import { overlayInForce } from '../custom/overlay.js';
import { Mapper } from '../work/mapper.js';
import { parisToday } from '../work/runner.js';
import { Scan } from './scan.js';
import type { Answer, Range } from './scan.threads.js';

/** Looks at the ranges that the process asks about, for as long as this thread lives; the target is asked nothing. */
export async function serveScans(
  connector: Connector,
  settings: ConnectorSettings & { readonly LOG_LEVEL: string },
): Promise<void> {
  const applicationName = `myelin-connector-${connector.name}-scan`;
  const logger = createLogger(applicationName, settings.LOG_LEVEL);
  const session = await connector.open();
  const dataSource = await openDatabase({
    ...{ url: settings.DATABASE_URL, applicationName, entities: [], migrations: [], poolSize: 4, logger },
  });
  const records = new Hooks(settings, dataSource, logger);
  const mapper = new Mapper(session, dataSource, parisToday, { records, ...overlayInForce(session, settings) });
  const scans = new Map<Entity, Scan>();
  const answer = (message: Answer) => parentPort?.postMessage(message);
  parentPort?.on('message', ({ entity, after, until, ask }: Range & { ask: number }) => {
    const scan = scans.get(entity) ?? new Scan(dataSource, mapper, entity, 'trust', {});
    scans.set(entity, scan);
    scan.range(after, until).then(
      (step) => answer({ ask, step }),
      (error: Error) => answer({ ask, error: error.message }),
    );
  });
}
