import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Session } from '@myelin/connector';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { checkOf } from './check.js';
import { Control, type ControlState, type Maintenance } from './control.js';
import {
  MaintenanceOrder,
  ObserveOrder,
  OrderBody,
  orderFault,
  PauseOrder,
  Valid,
  type MaintenanceWindow,
} from './orders.js';
import { ConnectorRunner, SESSION } from '../work/runner.js';
import { Check, ControlView, Operations, type Operation } from './control.views.js';
import { POPULATIONS, type Population } from './populations.js';

const SWITCHES: Record<string, Partial<ControlState>> = {
  enable: { enabled: true },
  disable: { enabled: false },
  resume: { pause: null },
  observe: { observe: true, populations: [] },
  write: { observe: false, populations: [] },
};

/** Switches of one connector: in service or not, paused, in maintenance, observing only; and whether it could work. */
@ApiTags('control')
@Controller()
export class ControlController {
  constructor(
    @Inject(Control) private readonly control: Control,
    @Inject(ConnectorRunner) private readonly runner: ConnectorRunner,
    @Inject(SESSION) private readonly session: Session,
    @Inject(DataSource) private readonly dataSource: DataSource,
  ) {}

  @Get('control')
  @ApiOperation({ summary: 'What is switched how, and whether anything is written at this moment' })
  @ApiResponse({ status: 200, type: ControlView })
  async read(): Promise<ControlView> {
    return this.view(await this.control.state());
  }

  @Post('control/pause')
  @HttpCode(200)
  @OrderBody(PauseOrder)
  @ApiOperation({
    summary: 'Write nothing until `resume`, or until an instant; states are still taken from the topics',
  })
  @ApiResponse({ status: 200, type: ControlView })
  async pause(@Body(Valid(PauseOrder)) order: PauseOrder): Promise<ControlView> {
    const { author, reason, until } = order;
    const pause = { author, at: new Date().toISOString(), ...(reason && { reason }), ...(until && { until }) };
    return this.view(await this.control.change(order, { pause }));
  }

  @Post('control/:switch')
  @HttpCode(200)
  @OrderBody(ObserveOrder)
  @ApiParam({ name: 'switch', enum: Object.keys(SWITCHES) })
  @ApiOperation({
    summary: 'Turn a switch',
    description:
      '`disable` takes the connector out of service, `enable` puts it back. `observe` notes every difference and writes none, `write` carries out what was noted; both also for some populations of persons. `resume` ends a pause.',
  })
  @ApiResponse({ status: 200, type: ControlView })
  async turn(@Param('switch') name: string, @Body(Valid(ObserveOrder)) order: ObserveOrder): Promise<ControlView> {
    const { populations } = order;
    const whole = Object.hasOwn(SWITCHES, name) ? SWITCHES[name] : undefined;
    if (!whole) throw new ProblemError('not-found', `the switches are pause, ${Object.keys(SWITCHES).join(', ')}`);
    if (populations && whole.observe === undefined)
      throw orderFault('populations', 'only observing and writing go by populations');
    const changes = populations ? part(await this.control.state(), whole.observe === false, populations) : whole;
    return this.view(await this.control.change(order, changes));
  }

  @Put('control/maintenance')
  @OrderBody(MaintenanceOrder)
  @ApiOperation({
    summary: 'Set the times in which nothing is written, every week (`days`, `from`, `to`) or once (`starts`, `ends`)',
  })
  @ApiResponse({ status: 200, type: ControlView })
  async maintain(@Body(Valid(MaintenanceOrder)) order: MaintenanceOrder): Promise<ControlView> {
    const maintenance = order.windows.map(windowOf);
    return this.view(await this.control.change(order, { maintenance }));
  }

  @Get('check')
  @ApiOperation({
    summary: 'Whether the settings are right, and apart from that whether the target answers as it must',
  })
  @ApiResponse({ status: 200, type: Check })
  check(): Promise<Check> {
    return checkOf(this.session);
  }

  @Get('operations')
  @ApiQuery({ name: 'before', required: false, description: 'Number before which the page begins' })
  @ApiOperation({ summary: 'What operators did: who, when, why; newest first' })
  @ApiResponse({ status: 200, type: Operations })
  async operations(@Query('before') before?: string): Promise<Operations> {
    if (before !== undefined && !/^\d{1,15}$/.test(before))
      throw new ProblemError('malformed-request', 'before must be the number of an operation');
    const items = (await this.dataSource.query(
      `select n::integer as n, at, author, action, reason, detail from operation where $1::bigint is null or n < $1 order by n desc limit 100`,
      [before ?? null],
    )) as Operation[];
    return { items };
  }

  private view({ stoppedJobs: _, ...state }: ControlState): ControlView {
    const blocked = this.control.blocked({ ...state, stoppedJobs: [] });
    const gate = this.runner.status();
    const isObserving = state.observe && state.populations.length === 0;
    const work = blocked ?? (gate.state === 'open' && isObserving ? 'observing' : gate.state);
    return { work, detail: blocked ? '' : gate.detail, ...state };
  }
}

/** What follows from switching some populations: the others stay as they are. */
function part(
  { observe, populations }: ControlState,
  isWritten: boolean,
  chosen: readonly Population[],
): Partial<ControlState> {
  if (!observe && isWritten) return { observe };
  const written: readonly Population[] = observe ? populations : POPULATIONS;
  const stays = (one: Population) => (chosen.includes(one) ? isWritten : written.includes(one));
  return { observe: true, populations: POPULATIONS.filter(stays) };
}

function windowOf({ days, from, to, starts, ends }: MaintenanceWindow, index: number): Maintenance {
  if (days && from !== undefined && to !== undefined && starts === undefined && ends === undefined)
    return { days, from, to };
  if (starts !== undefined && ends !== undefined && !days && new Date(starts) < new Date(ends)) return { starts, ends };
  throw orderFault(`windows[${index}]`, 'is either days with from and to, or starts with a later ends');
}
