import { join } from 'node:path';
import { repositoryRoot } from '@myelin/testing';

/** Path of a data file of the demonstration, the same from the sources and from `dist`. */
export function dataFile(name: string): string {
  return join(repositoryRoot(), 'deploy', 'demo', 'data', name);
}
