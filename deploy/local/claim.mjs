import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

/** A short name for a text. */
export const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 12);

/**
 * Claims a name on this machine for as long as this process lives: false when another process has it. An abstract socket is gone
 * with its process, so nothing stale can remain.
 */
export function claim(name) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(`\0myelin-${digest(name)}`, () => resolve(() => server.close()));
    server.unref();
  });
}
