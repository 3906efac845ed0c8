import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Path of a data file of the demonstration, the same from the sources and from `dist`. */
export function dataFile(name: string): string {
  return join(repositoryRoot(__dirname), 'deploy', 'demo', 'data', name);
}

function repositoryRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder)
    throw new Error(`no package.json above ${__dirname}: the data of the demonstration is not here`);
  return repositoryRoot(parent);
}
