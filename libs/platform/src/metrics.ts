import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, register, Registry } from 'prom-client';

export { Counter, Gauge, Histogram };

/** Starts the process metrics (CPU, memory, event loop). */
export function startProcessMetrics(service: string): void {
  register.setDefaultLabels({ service });
  collectDefaultMetrics();
}

/**
 * OpenMetrics 1.0 from the Prometheus text format: the family of a counter is named without `_total`, no line is empty, the
 * end is marked. prom-client's own OpenMetrics output renames the counters for good, for Prometheus text as well.
 */
export function openMetrics(prometheus: string): string {
  const counters = new Set([...prometheus.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name));
  const lines = prometheus.split('\n').flatMap((line) => {
    const [, keyword, name = '', rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (line === '') return [];
    return keyword && counters.has(name) ? [`# ${keyword} ${name.replace(/_total$/, '')} ${rest}`] : [line];
  });
  return `${lines.join('\n')}\n# EOF\n`;
}

@ApiExcludeController()
@Controller()
export class MetricsController {
  /** All metrics of the process: in OpenMetrics when it is asked for, else in the Prometheus text format. */
  @Get('metrics')
  async read(@Req() request: Request, @Res() response: Response): Promise<void> {
    const text = await register.metrics();
    const asked = request.header('accept')?.includes('application/openmetrics-text');
    if (asked) response.type(Registry.OPENMETRICS_CONTENT_TYPE).send(openMetrics(text));
    else response.type(register.contentType).send(text);
  }
}
