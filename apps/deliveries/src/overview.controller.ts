import { wholeNumber } from '@myelin/platform';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import {
  deliveredFlows,
  errors,
  lagsOf,
  MINUTES,
  publishedFlows,
  pulses,
  SILENT_AFTER_SECONDS,
  throughput,
  type PulseRow,
} from './overview.sql.js';
import { Connectors, Flows, type ConnectorView } from './overview.views.js';

const WEEK = 7 * 24;

/** How the flows are: whether connectors live, how far behind they are, what goes through and what fails. */
@ApiTags('overview')
@Controller()
export class OverviewController {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  @Get('connectors')
  @ApiOperation({ summary: 'Each connector: sign of life, lag, throughput, errors by cause' })
  @ApiResponse({ status: 200, type: Connectors })
  async connectors(): Promise<Connectors> {
    const [alive, outcomes, causes] = await Promise.all([
      pulses(this.dataSource),
      throughput(this.dataSource),
      errors(this.dataSource),
    ]);
    const names = new Set([...alive, ...outcomes, ...causes].map(({ connector }) => connector));
    const items = [...names].sort().map((connector): ConnectorView => {
      const own = <T extends { connector: string }>(rows: readonly T[]) =>
        rows.filter((r) => r.connector === connector);
      return {
        connector,
        ...signOfLife(own(alive)[0]),
        throughput: own(outcomes).map(({ outcome, count }) => ({ outcome, perMinute: count / MINUTES })),
        errors: own(causes).map(({ name, fingerprint, count, lastTicket }) => ({
          name,
          fingerprint,
          count,
          lastTicket,
        })),
      };
    });
    return { items };
  }

  @Get('flows')
  @ApiOperation({ summary: 'What went from which source through which object to which connector in the last hours' })
  @ApiQuery({ name: 'hours', required: false, schema: { type: 'integer', minimum: 1, maximum: WEEK, default: 24 } })
  @ApiResponse({ status: 200, type: Flows })
  async flows(@Query('hours') text?: string): Promise<Flows> {
    const hours = wholeNumber('hours', text, 1, WEEK, 24);
    const [published, delivered] = await Promise.all([
      publishedFlows(this.dataSource, hours),
      deliveredFlows(this.dataSource, hours),
    ]);
    return { hours, published, delivered };
  }
}

function signOfLife(pulse: PulseRow | undefined): Omit<ConnectorView, 'connector' | 'throughput' | 'errors'> {
  if (!pulse) {
    return { lastPulse: null, pulseAge: null, silent: true, instances: 0, work: null, observe: false, lag: [] };
  }
  const { at, age, work, detail, observe, instances } = pulse;
  return {
    lastPulse: at.toISOString(),
    pulseAge: age,
    silent: age > SILENT_AFTER_SECONDS,
    instances,
    work,
    ...(detail === null ? {} : { detail }),
    observe,
    lag: lagsOf(pulse),
  };
}
