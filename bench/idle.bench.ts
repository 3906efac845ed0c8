import { setTimeout as sleep } from 'node:timers/promises';
import { delivered, importPersons, importStructures } from './hub.js';
import { cpuSeconds, peakRssMb, shown, type Bench } from './measure.js';

/** Seconds in which nothing happens before the measure begins, and seconds of the measure. */
const REST = 10;
const MEASURE = 30;

/**
 * Share of one core that each process uses when there is nothing to do, `n` persons standing in all of them, for 30 seconds; the figures are those of
 * the busiest of our processes, against a limit of 1 %.
 */
export const idleBench: Bench = {
  name: 'idle',
  n: 1_000,
  async run({ n, services, log }) {
    const file = await services.persons(n);
    const { postgres, kafka } = await services.stack();
    const directory = await services.directory('durable');
    const names = ['person', 'structure', 'third-party', 'connector-ldap'] as const;
    const installation = await services.fresh(names, { directory });
    const { person, structure, 'connector-ldap': connector } = installation.services;
    await Promise.all(names.map((name) => installation.services[name].start()));
    const structures = await importStructures(structure);
    await importPersons(person, file, n);
    await delivered(connector, { structure: structures, person: n });

    await sleep(REST * 1000);
    const ours = names.map((name) => ({ name, pid: installation.services[name].pid }));
    const servers = Object.entries({ postgres, kafka, slapd: directory }).flatMap(([name, server]) =>
      server ? [{ name, pid: server.pid }] : [],
    );
    const before = new Map([...ours, ...servers].map(({ pid }) => [pid, cpuSeconds(pid)]));
    await sleep(MEASURE * 1000);
    const share = ({ pid }: { pid: number }) => ((cpuSeconds(pid) - (before.get(pid) as number)) / MEASURE) * 100;
    for (const one of ours) log(`  ${one.name}: ${shown(share(one))} % of a core`);
    for (const one of servers) log(`  (${one.name}: ${shown(share(one))} %)`);
    const busiest = Math.max(...ours.map(share));
    const peak = Math.max(...ours.map(({ pid }) => peakRssMb(pid)));
    await installation.end();
    await directory.stop();
    return { ours: busiest, reference: 1, unit: '% of a core', ratio: busiest, peakRssMb: peak };
  },
};
