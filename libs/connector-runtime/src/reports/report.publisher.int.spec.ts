import { randomUUID } from 'node:crypto';
import { deliveriesTopic, DELIVERY_REPORTED, messageValidator, type DeliveryReport } from '@myelin/contracts';
import { createKafka, Publisher, type KafkaClient, type Publication } from '@myelin/messaging';
import { createLogger, Health, openDatabase } from '@myelin/platform';
import { createDatabase, dropDatabase, suiteName, until } from '@myelin/testing';
import type { DataSource } from 'typeorm';
import { deleteTopics, readTopic } from '../../../messaging/test/bed.js';
import { MIGRATIONS } from '../migrations.js';
import { ReportPublisher } from './report.publisher.js';
import { saveReports } from './report.sql.js';
import { Wakeup } from '../work/wakeup.js';

const logger = createLogger('spec', 'fatal');
const server = process.env.DATABASE_URL ?? '';
const brokers = (process.env.KAFKA_BROKERS ?? '').split(',');

describe('the publisher of delivery reports', () => {
  let name: string;
  let dataSource: DataSource;
  let client: KafkaClient;
  const wakeup = new Wakeup();

  beforeEach(async () => {
    name = suiteName('reports').replaceAll('-', '_');
    const url = await createDatabase(server, name);
    const options = { url, applicationName: name, entities: [], migrations: MIGRATIONS, logger };
    dataSource = await openDatabase(options);
    client = createKafka({ brokers, clientId: name, topicPrefix: `${name}.`, logger });
  });
  afterEach(async () => {
    await dataSource.destroy();
    await dropDatabase(server, name);
    await deleteTopics(client);
  });

  const start = (publisher: Publisher) => {
    const reports = new ReportPublisher(dataSource, publisher, wakeup, new Health(), logger);
    reports.onApplicationBootstrap();
    return () => reports.beforeApplicationShutdown();
  };
  const publisher = (kafka = client) => new Publisher({ client: kafka, contract: deliveriesTopic, logger });
  const save = (reports: readonly DeliveryReport[]) =>
    dataSource.transaction((manager) => saveReports(manager, reports));
  const rows = async () =>
    ((await dataSource.query('select count(*)::integer as n from report')) as { n: number }[])[0]?.n;
  const empty = () => until('all reports should be published', async () => (await rows()) === 0);
  const onTopic = async () =>
    (await readTopic(client, deliveriesTopic.name)).map(({ key, value, headers }) => ({
      key,
      headers,
      report: JSON.parse(value ?? '') as DeliveryReport,
    }));

  it('publishes what work stored, keyed by record, as the contract says', async () => {
    const stop = start(publisher());
    const reports = Array.from({ length: 300 }, (_, n) => report({ revision: n + 1 }));
    await save(reports.slice(0, 100));
    await save(reports.slice(100));
    wakeup.reports.wake();
    await empty();
    await stop();
    const found = await onTopic();
    const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
    expect(found.map((one) => one.report).sort(byId)).toEqual([...reports].sort(byId));
    for (const { key, headers, report } of found) {
      expect(messageValidator(DELIVERY_REPORTED)(report)).toEqual([]);
      expect([key, headers.ce_subject, headers.ce_correlationid]).toEqual([report.id, report.id, report.correlationId]);
      expect(headers.ce_type).toBe('fr.myelin.delivery.reported.v1');
    }
  }, 60_000);

  it('sends again, with the same ids, what it could not delete after it was sent', async () => {
    /** Ends the database sessions when Kafka has the reports, as a kill of the process would. */
    class Killed extends Publisher {
      private kills = 1;

      override async send(messages: readonly Publication[]): Promise<void> {
        await super.send(messages);
        if (this.kills-- > 0)
          await dataSource.query(
            'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()',
            [name],
          );
      }
    }
    const one = report();
    await save([one]);
    const stop = start(new Killed({ client, contract: deliveriesTopic, logger }));
    await empty();
    await stop();
    const found = await onTopic();
    expect(found.map((message) => message.report)).toEqual([one, one]);
    expect(new Set(found.map(({ headers }) => headers.ce_id)).size).toBe(1);
  }, 60_000);

  it('keeps the reports while there is no broker', async () => {
    const nowhere = createKafka({ brokers: ['127.0.0.1:1'], clientId: name, logger });
    const stop = start(publisher(nowhere));
    const reports = [report(), report()];
    for (const one of reports) await save([one]);
    wakeup.reports.wake();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await rows()).toBe(2);
    await stop();
    const next = start(publisher());
    await empty();
    await next();
    expect((await onTopic()).length).toBe(2);
  }, 60_000);
});

function report(change: Partial<DeliveryReport> = {}): DeliveryReport {
  return {
    ...{ connector: 'spec', entity: 'person', id: randomUUID(), epoch: 1, revision: 1, outcome: 'modified' },
    ...{ cause: 'change', attempt: 1, changed: ['label'], durationMs: 3, correlationId: randomUUID(), error: null },
    ...{ changedAt: '2026-11-24T10:00:00.000Z', at: new Date().toISOString() },
    ...change,
  };
}
