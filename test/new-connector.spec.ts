import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@myelin/testing';

const run = promisify(execFile);
const root = repositoryRoot();
/** What belongs to a project beside its code. */
const FILES = ['nest-cli.json', 'package.json', 'jest.config.js', 'tsconfig.json', 'tsconfig.base.json', '.swcrc'];
const FOLDERS = ['libs', 'types', 'node_modules'];

let project: string;
beforeAll(() => {
  mkdirSync(join(root, '.local'), { recursive: true });
  // A project of its own, whose libraries are ours as they are.
  project = mkdtempSync(join(root, '.local/new-connector-'));
  mkdirSync(join(project, 'apps'));
  for (const file of FILES) cpSync(join(root, file), join(project, file));
  for (const folder of FOLDERS) symlinkSync(join(root, folder), join(project, folder));
});
afterAll(() => rmSync(project, { recursive: true }));

const generate = (name: string) =>
  run(process.execPath, [join(root, 'deploy/new-connector.mjs'), '--name', name, '--into', project]);

it('FR-27 a new connector is made by one command, compiles, and passes the conformance suite without a change in any library', async () => {
  const { stdout } = await generate('demo');
  expect(stdout).toMatch(/apps\/connector-demo is there/);
  const folder = join(project, 'apps/connector-demo');
  expect(readdirSync(join(folder, 'src')).sort()).toEqual([
    'demo.conformance.spec.ts',
    'demo.connector.ts',
    'demo.target.testing.ts',
    'main.ts',
  ]);
  const bin = (name: string) => join(root, 'node_modules', name);
  await run(process.execPath, [
    bin('typescript/bin/tsc'),
    '--noEmit',
    '--preserveSymlinks',
    '-p',
    join(folder, 'tsconfig.app.json'),
  ]);
  const { stderr } = await run(
    process.execPath,
    [bin('jest/bin/jest.js'), '--rootDir', project, '--selectProjects', 'unit', '--colors=false', 'connector-demo'],
    { cwd: project },
  );
  expect(stderr).toMatch(/^Tests: +\d\d passed, \d\d total$/m);
}, 240_000);

it('is not made twice, nor under a name that cannot be one', async () => {
  await expect(generate('demo')).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/is there already/) });
  await expect(generate('My Target')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--name must be/),
  });
});
