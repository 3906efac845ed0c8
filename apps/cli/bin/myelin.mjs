#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../dist/apps/cli/src/main.js', import.meta.url));
if (existsSync(main)) createRequire(import.meta.url)(main);
else {
  process.stderr.write('myelin is not built yet: npm ci && npm run build\n');
  process.exitCode = 2;
}
