import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Response } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, register } from 'prom-client';

export { Counter, Gauge, Histogram };

/** Starts the process metrics (CPU, memory, event loop). */
export function startProcessMetrics(service: string): void {
  register.setDefaultLabels({ service });
  collectDefaultMetrics();
}

@ApiExcludeController()
@Controller()
export class MetricsController {
  /** All metrics of the process in the Prometheus text format. */
  @Get('metrics')
  async read(@Res() response: Response): Promise<void> {
    response.type(register.contentType).send(await register.metrics());
  }
}
