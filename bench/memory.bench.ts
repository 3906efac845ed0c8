import { delivered, importPersons, importStructures } from './hub.js';
import { peakRssMb, shown, type Bench, type Context } from './measure.js';

const SMALL = 5_000;

/**
 * Most memory of each of our processes while `n` persons are imported, relayed and brought to a directory, over that with 5,000: 1
 * means that memory does not grow with the load. The figures are those of the process that grows most.
 */
export const memoryBench: Bench = {
  name: 'memory',
  n: 100_000,
  async run(context) {
    const [small, large] = [await peaksAt(context, SMALL), await peaksAt(context, context.n)];
    const rows = Object.entries(large).map(([name, ours]) => ({ name, ours, reference: small[name] as number }));
    for (const { name, ours, reference } of rows)
      context.log(`  ${name}: ${reference} MB at ${SMALL}, ${ours} MB at ${context.n} (${shown(ours / reference)})`);
    const worst = rows.reduce((a, b) => (b.ours / b.reference > a.ours / a.reference ? b : a));
    const { ours, reference } = worst;
    return { ours, reference, unit: 'MB', ratio: ours / reference, peakRssMb: Math.max(...Object.values(large)) };
  },
};

async function peaksAt({ services, log }: Context, n: number): Promise<Record<string, number>> {
  const file = await services.persons(n);
  const directory = await services.directory('fast');
  const installation = await services.fresh(['person', 'structure', 'connector-ldap'], { directory });
  const { person, structure, 'connector-ldap': connector } = installation.services;
  await Promise.all([person.start(), structure.start(), connector.start()]);
  const structures = await importStructures(structure);
  await importPersons(person, file, n);
  log(`  ${n} persons imported`);
  await delivered(connector, { structure: structures, person: n });
  const peaks = { person: peakRssMb(person.pid), 'connector-ldap': peakRssMb(connector.pid) };
  await installation.end();
  await directory.stop();
  return peaks;
}
