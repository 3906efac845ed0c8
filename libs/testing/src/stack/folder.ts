import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the repository, seen from the sources and from `dist` alike. */
export function repositoryRoot(from = __dirname): string {
  if (existsSync(join(from, 'package.json'))) return from;
  if (dirname(from) === from) throw new Error(`no package.json above ${__dirname}`);
  return repositoryRoot(dirname(from));
}

/** Makes a folder, and gives it to `user` where one is named. */
export function makeFolder(path: string, mode = 0o755, user?: { uid: number; gid: number }): string {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  if (user) chownSync(path, user.uid, user.gid);
  return path;
}

/** The password kept in a file, made up the first time; nobody but its owner can read it. */
export function passwordIn(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

/** Whether every folder on the way to a path lets other users through. */
export function reachableByOthers(path: string): boolean {
  if ((statSync(path).mode & 0o001) === 0) return false;
  return dirname(path) === path || reachableByOthers(dirname(path));
}
