import { setImmediate } from 'node:timers/promises';
import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { changedAttributes, type Connector, type Row } from '@myelin/connector';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { EXPLAIN_VALUES } from '../operators/explain.controller.js';
import { explainRow } from '../operators/explain.js';
import { OrderBody, Valid } from '../operators/orders.js';
import { decide } from '../work/decision.js';
import { Mapper, type Mapping } from '../work/mapper.js';
import { ledgerErrorOf } from '../work/outcome.js';
import { CONNECTOR } from '../work/runner.js';
import { Overlay } from './overlay.js';
import { OverlayFault } from './overlay.document.js';
import { findPreviewed, type Previewed } from './overlay.sql.js';
import { MOST, OverlayPreview, PreviewOrder, type RecordPreview, type RowDifference } from './overlay.views.js';

const FIRST = 10;

/** Tries an overlay on records before it is put in force. Nothing is written, kept or asked of the target. */
@ApiTags('overlay')
@Controller('overlay')
export class OverlayController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Mapper) private readonly mapper: Mapper,
    @Inject(CONNECTOR) private readonly connector: Connector,
    @Inject(EXPLAIN_VALUES) private readonly values: boolean,
  ) {}

  @Post('preview')
  @HttpCode(200)
  @OrderBody(PreviewOrder)
  @ApiOperation({
    summary: 'What the rows of some records would be with an overlay, and what would change in the target',
    description: 'Values are told only where the connector is started with EXPLAIN_VALUES=yes; `masked` says so.',
  })
  @ApiResponse({ status: 200, type: OverlayPreview })
  async preview(@Body(Valid(PreviewOrder)) { overlay, entity, ids, count }: PreviewOrder): Promise<OverlayPreview> {
    // A session of its own, which asks the target nothing: the syncs at work own what they own.
    const session = await this.connector.open();
    try {
      const trial = this.mapper.trying(session, overlayOf(session, overlay));
      const chosen = { ids: ids ?? null, count: count ?? (ids ? MOST : FIRST) };
      const found = await findPreviewed(this.dataSource, entity, chosen);
      const [now, then] = [await this.mapper.prepare(found, 'suppose'), await trial.prepare(found, 'suppose')];
      const items: RecordPreview[] = [];
      for (const [index, one] of found.entries()) {
        items.push(this.compare(trial, one, await now(index), await then(index)));
        await setImmediate();
      }
      const masked = ['row[].now', 'row[].then', 'target[].from[].value', 'target[].wanted', 'target[].acknowledged'];
      return { entity, items, masked: this.values ? [] : masked.map((field) => `items[].${field}`) };
    } finally {
      await session.close();
    }
  }

  private compare(trial: Mapper, one: Previewed, now: Mapping, then: Mapping): RecordPreview {
    const sync = trial.syncs.get(one.entity);
    const decision =
      sync && (then.is === 'row' || then.is === 'absent') ? decide(then, one, sync, trial.today()) : undefined;
    const target = decision
      ? explainRow(one.state, trial.rulesOf(one.entity), decision.after, one.row, this.values)
      : [];
    return {
      id: one.id,
      would: decision?.action ?? then.is,
      row: now.is === 'row' && then.is === 'row' ? differences(now.row, then.row, this.values) : [],
      target: target.filter(({ standing }) => standing !== 'same'),
      unrepresentable: [...then.faults],
      error: then.is === 'failed' ? errorOf(then.error) : null,
    };
  }
}

function overlayOf(session: Parameters<typeof Overlay.on>[0], text: string): Overlay {
  try {
    return Overlay.on(session, text);
  } catch (error) {
    if (!(error instanceof OverlayFault)) throw error;
    const errors = error.faults.map(({ field, message }) => ({ field: field || 'overlay', message }));
    throw new ProblemError('invalid-document', 'the overlay cannot be put in force', { errors });
  }
}

function differences(now: Row, then: Row, values: boolean): RowDifference[] {
  return changedAttributes(now, then).map((attribute) => {
    const [old, wanted] = [now[attribute], then[attribute]];
    const difference = old === undefined ? 'added' : wanted === undefined ? 'removed' : 'changed';
    return { attribute, difference, ...(values && { now: old ?? null, then: wanted ?? null }) };
  });
}

function errorOf(error: unknown): RecordPreview['error'] {
  const { message, attributes = [] } = ledgerErrorOf(error);
  return { message, attributes };
}
