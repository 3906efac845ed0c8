import type { Entry } from 'ldapts';
import type { Slapd } from '@myelin/testing';
import { createTree } from '@myelin/testing';
import { addAll, readEntries } from './directory.js';
import { delivered, filledTopics } from './hub.js';
import { alternate, peakRssMb, seconds, speeds, type Bench } from './measure.js';
import { forgetGroups, kafkaOf } from './topic.js';

const UNIT = 'entries/s';

/**
 * Full topics brought into an empty directory by a connector that knows nothing yet, from the start of its process until its
 * status says that all is there; against adds of the same entries, on as many connections with as many requests under way.
 */
export const firstLoadBench: Bench = {
  name: 'first-load',
  n: 20_000,
  async run(context) {
    const { n, services } = context;
    const { settings } = await services.stack();
    const kafka = kafkaOf(settings.KAFKA_BROKERS as string);
    const topics = await filledTopics(services, n);
    const expected = { structure: topics.structures, person: n };
    const peaks: number[] = [];
    let entries: Entry[] = [];

    const ours = async () => {
      const directory = await services.directory('durable');
      const { topicPrefix } = topics;
      const installation = await services.fresh(['connector-ldap'], { topicPrefix, directory });
      const connector = installation.services['connector-ldap'];
      const time = await seconds(async () => {
        await connector.start();
        await delivered(connector, expected);
      });
      peaks.push(peakRssMb(connector.pid));
      await installation.end();
      await forgetGroups(kafka, topicPrefix);
      entries = await readEntries(directory);
      await directory.stop();
      return { value: entries.length / time, counts: { entries: entries.length } };
    };

    const reference = async () => {
      const directory: Slapd = await services.directory('durable');
      await createTree(directory);
      const time = await addAll(directory, entries);
      const added = (await readEntries(directory)).length;
      await directory.stop();
      return { value: added / time, counts: { entries: added } };
    };

    return speeds(await alternate(context, UNIT, ours, reference), UNIT, peaks);
  },
};
