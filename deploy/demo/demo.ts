import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createServices, ldapAccess, repositoryRoot, startStack, type LdapAccess } from '@myelin/testing';
import { compareDirectory } from '../../test/compare-directory.js';
import { HOME_UAI, homeComponents, homeStructures } from './home.js';
import { load, settled, type ImportReport } from './hub.js';
import { ndjson } from './ndjson.js';
import { countDefects, readOpenData, structures, type OpenData } from './open-data.js';
import { population, type PersonRecord } from './population.js';
import { Progress } from './progress.js';
import { tellStory } from './story.js';

const PERSONS = 5000;
const SEED = 1;

/** Settings of the directory connector for the demonstration's home university. */
const DIRECTORY = { HOME_UAI, EPPN_SCOPE: 'univ.example' };

async function demo(check: boolean): Promise<number> {
  const progress = new Progress();
  progress.say('Myelin: from files through the referentials and Kafka into a SUPANN directory\n');
  const dir = process.env.MYELIN_LOCAL ?? join(repositoryRoot(), '.local/demo');
  const stack = await progress.step('PostgreSQL, Kafka, OpenLDAP', () => startStack({ dir, mode: 'durable' }));
  const directory = ldapAccess(stack.settings);
  const installation = { servers: stack.settings, databasePrefix: 'myelin_', topicPrefix: '', logs: dir };
  const services = await createServices(
    installation,
    ['person', 'structure', 'third-party', 'connector-ldap', 'deliveries'],
    DIRECTORY,
  );
  const { person, structure, 'third-party': thirdParty, 'connector-ldap': connector, deliveries } = services;
  const stop = async () => {
    await Promise.all(Object.values(services).map((service) => service.stop()));
    await stack.stop();
  };
  const interrupted = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });

  try {
    await progress.step('three referentials, one connector, deliveries', () =>
      Promise.all(Object.values(services).map((service) => service.start())),
    );
    const addresses = join(dir, 'myelin.json');
    writeFileSync(
      addresses,
      JSON.stringify({
        ...{ person: person.url, structure: structure.url, 'third-party': thirdParty.url, deliveries: deliveries.url },
        connectors: { ldap: connector.url },
      }),
    );
    const data = readOpenData();
    printDefects(progress, data);

    const describe = (report: ImportReport) =>
      `${report.created + report.updated + report.unchanged} loaded, ${report.rejected} rejected`;
    const loaded = await progress.step(
      'structures (open data)',
      () => load(structure.url, 'open-data', ndjson([...structures(data), ...homeComponents()])),
      describe,
    );
    const legal = await progress.step(
      'legal persons (open data)',
      () => load(thirdParty.url, 'open-data', ndjson(data.thirdParties)),
      describe,
    );
    let persons = 0;
    for (const [source, records] of Map.groupBy(people(data), (record) => record.source)) {
      const report = await progress.step(
        `persons from ${source}`,
        () => load(person.url, source, ndjson(records)),
        describe,
      );
      persons += report.created + report.updated + report.unchanged;
    }
    const expected = { structure: loaded.created + loaded.updated + loaded.unchanged, person: persons };
    const status = await progress.step(
      'the directory is complete',
      () => settled(connector.url, expected),
      ({ structure: s, person: p }) => `${s?.applied} structures, ${p?.applied} persons`,
    );
    progress.say(
      `    values that the schema cannot hold, left out and reported: ${(status.person?.unrepresentable ?? 0) + (status.structure?.unrepresentable ?? 0)} entries`,
    );

    await tellStory(person.url, directory, progress);

    if (check) {
      progress.say();
      const differences = await progress.step(
        'directory = referentials',
        () => compareDirectory({ persons: person.url, structures: structure.url, directory, settings: DIRECTORY }),
        ({ entries, differences: found }) => `${entries} entries compared, ${found.length} differences`,
      );
      const faults = [
        ...differences.differences,
        ...[loaded, legal].flatMap(({ rejections }) => rejections.map(({ line, field }) => `line ${line}: ${field}`)),
        ...Object.entries(status).flatMap(([entity, { parked }]) => (parked ? [`${parked} ${entity} parked`] : [])),
        ...(persons === PERSONS ? [] : [`${persons} persons loaded, not ${PERSONS}`]),
        ...(differences.entries > expected.structure + persons ? [] : [`only ${differences.entries} entries`]),
      ];
      for (const fault of faults.slice(0, 20)) progress.say(`    ${fault}`);
      const ok = faults.length === 0;
      progress.say(
        `\n${ok ? 'Checked: everything is as it should be' : 'NOT as it should be'} (${progress.seconds} s)`,
      );
      return ok ? 0 : 1;
    }

    progress.say(`\nRunning (${progress.seconds} s). Try:`);
    for (const service of [person, structure, thirdParty, connector, deliveries])
      progress.say(`  ${`${service.url}/docs`.padEnd(32)} ${service.name}`);
    progress.say(`\n  npx myelin --config ${relative(process.cwd(), addresses)} status`);
    progress.say(`  ${ldapsearch(directory)} '(sn=Roy)'`);
    progress.say('\nCtrl-C stops everything.');
    await interrupted;
    progress.say('\nStopping.');
    return 0;
  } finally {
    await stop();
  }
}

/** A command line that reads the directory; the tools may be those unpacked for the local stack. */
function ldapsearch({ url, bindDn, password, baseDn }: LdapAccess): string {
  const root = process.env.MYELIN_SLAPD_ROOT;
  const library = root && `LD_LIBRARY_PATH=${root}/usr/lib/$(uname -m)-linux-gnu `;
  const program = root ? `${library}${root}/usr/bin/ldapsearch` : 'ldapsearch';
  return `${program} -x -LLL -H ${url} -D ${bindDn} -w '${password}' -b ou=people,${baseDn}`;
}

function people(data: OpenData): PersonRecord[] {
  return [...population({ seed: SEED, count: PERSONS, structures: homeStructures(data) })];
}

function printDefects(progress: Progress, data: OpenData): void {
  const kinds = Object.entries(countDefects(data.defects)).filter(([, count]) => count > 0);
  progress.say(
    `    defects of the open data, reported and not hidden: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}`,
  );
}

void demo(process.argv.includes('--check')).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`\n${(error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  },
);
