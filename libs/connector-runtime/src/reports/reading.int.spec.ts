import {
  CONNECTOR_PULSED,
  deliveriesTopic,
  eventId,
  eventSource,
  eventType,
  referentialTopic,
  type ConnectorPulse,
  type EntityPulse,
} from '@myelin/contracts';
import { createKafka, Publisher } from '@myelin/messaging';
import { createLogger } from '@myelin/platform';
import { suiteName, until } from '@myelin/testing';
import { deleteTopics, readTopic } from '../../../messaging/test/bed.js';
import { Bed, structure } from '../bed.testing.js';

const logger = createLogger('spec', 'fatal');
const brokers = (process.env.KAFKA_BROKERS ?? '').split(',');
const topicPrefix = `${suiteName('reading')}.`;
const topic = referentialTopic('structure');
const [FIRST, SECOND] = ['01', '02'].map((n) => `019ab${n}0-0000-7000-8000-000000000000`) as [string, string];

const client = createKafka({ brokers, clientId: 'spec', topicPrefix, logger });
const publisher = new Publisher({ client, contract: topic, logger });
let bed: Bed;
beforeAll(async () => (bed = await Bed.start({ brokers, topicPrefix })), 60_000);
afterAll(async () => {
  await bed.stop();
  await publisher.close();
  await deleteTopics(client);
}, 60_000);

/** Publishes a structure as its referential does. */
const publish = (record: ReturnType<typeof structure>, incarnation: string) => {
  const { id } = record;
  const attributes = {
    ...{
      id: eventId(id, 1, 1),
      source: eventSource('structure'),
      type: eventType('structure', 'created'),
      subject: id,
    },
    ...{
      time: new Date().toISOString(),
      dataschema: 'urn:myelin:master:structure:1',
      epoch: 1,
      revision: 1,
      incarnation,
    },
  };
  return publisher.send([{ attributes, data: record }]);
};

/** Waits for a pulse that tells of the topics as wanted, and answers the newest one. */
async function pulse(wanted: (entities: readonly EntityPulse[]) => boolean): Promise<ConnectorPulse> {
  let newest: ConnectorPulse | undefined;
  await until(
    'the pulse should tell of it',
    async () => {
      const pulses = (await readTopic(client, deliveriesTopic.name))
        .filter(({ headers }) => headers.ce_type === CONNECTOR_PULSED.type)
        .map(({ value }) => JSON.parse(value ?? '') as ConnectorPulse)
        .sort((a, b) => a.at.localeCompare(b.at));
      newest = pulses.at(-1);
      return newest !== undefined && wanted(newest.entities);
    },
    { deadlineMs: 60_000, everyMs: 500 },
  );
  return newest!;
}

const isUnread = ({ unreadSince }: EntityPulse) => unreadSince != null;

it('a pulse tells since when changes may be unread: on a stopped topic, and on those that it holds back', async () => {
  const one = structure('ONE');
  await publish(one, FIRST);
  await until('it should be written', async () => (await bed.ledger(one.id))?.status === 'applied', {
    deadlineMs: 60_000,
  });
  await pulse((entities) => !entities.some(isUnread));

  await publish(structure('TWO'), SECOND);
  const published = new Date().toISOString();
  const stopped = await pulse((entities) => entities.every(isUnread));
  expect(stopped).toMatchObject({ work: 'open' });
  for (const { entity, oldestPendingAt, unreadSince, unreadDetail } of stopped.entities) {
    expect([entity, oldestPendingAt]).toEqual([entity, null]);
    expect(unreadDetail).toBe(`reading ${topic.name} is stopped: it is another topic than before`);
    // The stopped topic is read from its beginning; the other one stands since it was stopped.
    expect([entity, unreadSince! < published]).toEqual([entity, entity === 'structure']);
  }

  expect((await bed.post(`/topics/${topic.name}/accept`, { reason: 'republished' })).status).toBe(200);
  await pulse((entities) => !entities.some(isUnread));
}, 180_000);
