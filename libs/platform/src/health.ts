import { statfs } from 'node:fs/promises';
import { Controller, Get, Inject, Injectable, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Response } from 'express';
import { VERSION } from './version.js';

/** `degraded`: the process works, something it needs does not. `down`: it cannot do its duty and should be restarted. */
export type HealthStatus = 'ok' | 'degraded' | 'down';

export interface HealthReport {
  status: HealthStatus;
  /** What an operator should know; no personal data. */
  detail?: string;
}

const CHECK_DEADLINE_MS = 2000;
const LEAST_FREE_GIB = 1;

/** The checks of a process; each part registers its own. */
@Injectable()
export class Health {
  private readonly checks = new Map<string, () => HealthReport | Promise<HealthReport>>();

  register(name: string, check: () => HealthReport | Promise<HealthReport>): void {
    this.checks.set(name, check);
  }

  /** The worst status of all checks, and each of them; a check that fails or takes over 2 s is `degraded`. */
  async report(): Promise<{ status: HealthStatus; checks: Record<string, HealthReport> }> {
    const entries = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await bounded(check)] as const),
    );
    const statuses = entries.map(([, report]) => report.status);
    const status = statuses.includes('down') ? 'down' : statuses.includes('degraded') ? 'degraded' : 'ok';
    return { status, checks: Object.fromEntries(entries) };
  }
}

async function bounded(check: () => HealthReport | Promise<HealthReport>): Promise<HealthReport> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<HealthReport>((resolve) => {
    timer = setTimeout(() => resolve({ status: 'degraded', detail: 'no answer within 2 s' }), CHECK_DEADLINE_MS);
  });
  try {
    return await Promise.race([Promise.resolve().then(check), late]);
  } catch (error) {
    return { status: 'degraded', detail: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether there is room on the disk where the process runs: its logs, and files that arrive, need some. */
export async function diskHealth(): Promise<HealthReport> {
  const { bavail, bsize } = await statfs(process.cwd());
  const free = (bavail * bsize) / 2 ** 30;
  return { status: free < LEAST_FREE_GIB ? 'degraded' : 'ok', detail: `${free.toFixed(1)} GiB free` };
}

@ApiExcludeController()
@Controller()
export class HealthController {
  constructor(@Inject(Health) private readonly health: Health) {}

  /** 200 while the process does its duty (`ok`, `degraded`), 503 when it is `down`. */
  @Get('health')
  async read(@Res() response: Response): Promise<void> {
    const report = await this.health.report();
    response.status(report.status === 'down' ? 503 : 200).json({ version: VERSION, ...report });
  }
}
