import 'reflect-metadata';
import { isUtf8 } from 'node:buffer';
import { setFlagsFromString } from 'node:v8';
import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { contractSchemas } from '@myelin/contracts';
import { json, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { correlate, correlationOf, routeOf } from './correlation.js';
import { diskHealth, Health, HealthController } from './health.js';
import { createLogger, nestLogger, type Logger } from './logger.js';
import { MetricsController, startProcessMetrics } from './metrics.js';
import { ProblemError, ProblemFilter } from './problem.js';
import {
  choice,
  integer,
  printable,
  readSettings,
  SettingsFault,
  text,
  type SettingsOf,
  type SettingsSpec,
} from './settings.js';

/** Token of the process's logger. */
export const LOGGER = Symbol('logger');

/** Settings that every service has. */
export const serviceSettings = {
  HOST: text('127.0.0.1'),
  PORT: integer(0, 65535),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], 'info'),
};

export interface ServiceDefinition<S extends SettingsSpec = SettingsSpec> {
  name: string;
  title: string;
  /** The settings of this service, beside those that every service has. */
  settings: S;
  /** The module of the app. */
  module: (settings: SettingsOf<S>, logger: Logger) => Type | DynamicModule;
  /** Called before the HTTP server listens, for instance to connect a consumer. */
  prepare?: (app: NestExpressApplication) => Promise<void>;
}

@Global()
@Module({})
class PlatformModule {
  static with(logger: Logger): DynamicModule {
    return {
      module: PlatformModule,
      controllers: [HealthController, MetricsController],
      providers: [Health, { provide: LOGGER, useValue: logger }],
      exports: [Health, LOGGER],
    };
  }
}

/** Largest body of an ordinary request; resources that take files read their stream themselves. */
const BODY_LIMIT = '1mb';
/**
 * V8 lets the heap of a busy process grow to several times of what lives in it before it collects. A bulk load makes garbage
 * for minutes: collected when it has grown by this much, memory stays the same for five thousand records and five hundred thousand.
 */
const HEAP_GROWTH_PERCENT = 50;
const SHUTDOWN_DEADLINE_MS = 25_000;
/** A file of several gigabytes may take this long to arrive; headers keep Node's own deadline. */
const LONGEST_UPLOAD_MS = 6 * 60 * 60 * 1000;

/** Starts a service: settings, logs, health, metrics, API pages, problem documents, orderly end. Leaves with 1 when it cannot. */
export async function startService<S extends SettingsSpec>(definition: ServiceDefinition<S>): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const spec = { ...serviceSettings, ...definition.settings };
  const settings = settingsOrLeave(spec) as unknown as SettingsOf<typeof serviceSettings> & SettingsOf<S>;
  const logger = createLogger(definition.name, settings.LOG_LEVEL);
  try {
    startProcessMetrics(definition.name);
    logger.info({ settings: printable(spec, settings) }, 'starting');
    const app = await createApp(definition.title, definition.module(settings, logger), logger);
    app.get(Health).register('disk', diskHealth);
    await definition.prepare?.(app);
    stopOnSignal(app, logger);
    await app.listen(settings.PORT, settings.HOST);
    app.getHttpServer().requestTimeout = LONGEST_UPLOAD_MS;
    const address = app.getHttpServer().address() as { address: string; port: number };
    logger.info({ host: address.address, port: address.port }, 'listening');
  } catch (error) {
    // Some settings can be judged only by what they are for.
    if (error instanceof SettingsFault) process.stderr.write(`${error.message}\n`);
    logger.fatal({ err: error }, 'the service cannot start');
    process.exit(1);
  }
}

/** The settings of a process; leaves with 1 and says what is wrong with each, where they are malformed. */
export function settingsOrLeave<S extends SettingsSpec>(spec: S): SettingsOf<S> {
  try {
    return readSettings(spec);
  } catch (error) {
    if (!(error instanceof SettingsFault)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** The Nest application of a service, ready to listen; `preview` builds its API description without touching any server. */
export async function createApp(
  title: string,
  module: Type | DynamicModule,
  logger: Logger,
  options: { preview?: boolean } = {},
): Promise<NestExpressApplication> {
  @Module({ imports: [PlatformModule.with(logger), module] })
  class RootModule {}

  const app = await NestFactory.create<NestExpressApplication>(RootModule, {
    logger: nestLogger(logger),
    bodyParser: false,
    abortOnError: false,
    preview: options.preview ?? false,
  });
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use(correlate);
  app.use(requestLog(logger));
  app.use(
    json({ limit: BODY_LIMIT, type: ['application/json', 'application/merge-patch+json'], verify: refuseBadText }),
  );
  app.useGlobalFilters(new ProblemFilter(logger));
  SwaggerModule.setup('docs', app, () => describeApi(app, title), { jsonDocumentUrl: 'openapi.json' });
  return app;
}

/** The OpenAPI description of an application, with the classes that it refers to as JSON Schema components. */
export function describeApi(app: NestExpressApplication, title: string): OpenAPIObject {
  const builder = new DocumentBuilder().setTitle(title).setVersion('1').setOpenAPIVersion('3.1.0');
  const document = SwaggerModule.createDocument(app, builder.build());
  const schemas = referenced(JSON.stringify(document), contractSchemas('#/components/schemas/'));
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...schemas } };
  return document;
}

/** The schemas that a text refers to, with those that these refer to. */
function referenced<T>(text: string, schemas: Record<string, T>, found: Record<string, T> = {}): Record<string, T> {
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    const schema = schemas[name];
    if (schema === undefined || found[name] !== undefined) continue;
    found[name] = schema;
    referenced(JSON.stringify(schema), schemas, found);
  }
  return found;
}

/** Undecodable bytes would otherwise be replaced silently, and stored. */
function refuseBadText(_request: unknown, _response: unknown, body: Buffer): void {
  if (!isUtf8(body)) throw new ProblemError('malformed-request', 'the body is no valid UTF-8');
}

function requestLog(logger: Logger) {
  return (request: Request, response: Response, next: NextFunction) => {
    const start = process.hrtime.bigint();
    response.once('close', () => {
      const route = routeOf(request);
      const level = route === '/health' || route === '/metrics' ? 'debug' : 'info';
      logger[level](
        {
          method: request.method,
          route,
          status: response.statusCode,
          aborted: !response.writableFinished || undefined,
          ms: Number(process.hrtime.bigint() - start) / 1e6,
          correlationId: correlationOf(request),
        },
        'request',
      );
    });
    next();
  };
}

function stopOnSignal(app: NestExpressApplication, logger: Logger): void {
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping');
    setTimeout(() => {
      logger.error('work in flight did not end in time; leaving');
      process.exit(1);
    }, SHUTDOWN_DEADLINE_MS).unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'the service did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
