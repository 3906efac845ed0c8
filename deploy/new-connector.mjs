// Makes the folder of a new connector: `npm run new:connector -- --name demo`. It is the sample connector under another name; it
// compiles and passes the conformance suite against its own target in memory, and is yours from there on.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: { name: { type: 'string' }, into: { type: 'string', default: root } },
});
const { name, into } = values;
if (name === undefined || !/^[a-z][a-z0-9]*$/.test(name)) fail('--name must be lower-case letters and digits: demo');
const folder = join(into, 'apps', `connector-${name}`);
if (existsSync(folder)) fail(`apps/connector-${name} is there already`);

cpSync(join(root, 'apps/connector-sample'), folder, { recursive: true });
const source = join(folder, 'src');
for (const file of readdirSync(source)) {
  const path = join(source, file);
  writeFileSync(path, renamed(readFileSync(path, 'utf8')));
  if (file.includes('sample')) renameSync(path, join(source, file.replace('sample', name)));
}

const projects = join(into, 'nest-cli.json');
const text = readFileSync(projects, 'utf8');
const [entry] = /^ {4}"connector-sample": \{\n(?: {6}.*\n)+? {4}\},\n/m.exec(text);
writeFileSync(projects, text.replace(entry, entry + renamed(entry)));

process.stdout.write(`apps/connector-${name} is there. Next:
  npm test -- apps/connector-${name}     it passes the conformance suite against a target in memory
  apps/connector-${name}/src             what your target takes, and how: see libs/connector/README.md
`);

function renamed(content) {
  const capital = name[0].toUpperCase() + name.slice(1);
  return content.replaceAll('sample', name).replaceAll('Sample', capital).replaceAll('SAMPLE', name.toUpperCase());
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
