import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '@myelin/testing';

const PAGE = 'docs/architecture.md';

/** What the page says between back quotes and that begins like a path of ours; `*` stands for any name. */
function namedPaths(): string[] {
  const text = readFileSync(join(repositoryRoot(), PAGE), 'utf8');
  const quoted = [...text.matchAll(/`((?:apps|libs|test|deploy|bench)\/[^`\s]*)`/g)].map(([, path = '']) => path);
  return [...new Set(quoted)];
}

const exists = (path: string) =>
  path.includes('*') ? globSync(path, { cwd: repositoryRoot() }).length > 0 : existsSync(join(repositoryRoot(), path));

it(`names only files that exist (${PAGE})`, () => {
  const paths = namedPaths();
  expect(paths.length).toBeGreaterThan(0);
  expect(paths.filter((path) => !exists(path))).toEqual([]);
});
