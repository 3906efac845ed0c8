import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Row } from '@myelin/connector';
import type { Entity, FieldFault, Master } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Control } from './control.js';
import { decide, type Action } from '../work/decision.js';
import { explainRow } from './explain.js';
import { UUID } from './orders.js';
import { Mapper, type Mapping } from '../work/mapper.js';
import type { LedgerError, LedgerStatus } from '../work/result.js';
import { ConnectorRunner } from '../work/runner.js';

/** Injection token: whether explanations show values, or only names. */
export const EXPLAIN_VALUES = Symbol('explain values');

interface Explained {
  entity: Entity;
  id: string;
  state: Master | null;
  epoch: number;
  revision: number;
  changedAt: Date | null;
  correlationId: string | null;
  status: LedgerStatus;
  targetId: string | null;
  row: Row | null;
  etag: string | null;
  suspendedOn: string | null;
  acknowledgedEpoch: number | null;
  acknowledgedRevision: number | null;
  acknowledgedAt: Date | null;
  dueAt: Date | null;
  cause: string;
  job: string | null;
  waitsFor: string[] | null;
  error: LedgerError | null;
  ticket: string | null;
  held: Action | null;
  unrepresentable: FieldFault[] | null;
  now: Date;
}

/** What would this target receive for this record, and why. */
@ApiTags('explain')
@Controller('explain')
export class ExplainController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Mapper) private readonly mapper: Mapper,
    @Inject(Control) private readonly control: Control,
    @Inject(ConnectorRunner) private readonly runner: ConnectorRunner,
    @Inject(EXPLAIN_VALUES) private readonly values: boolean,
  ) {}

  @Get(':entity/:id')
  @ApiParam({ name: 'entity', enum: ['person', 'structure', 'third-party'] })
  @ApiOperation({
    summary: 'Attribute by attribute: golden value, rule, target value, what the target last acknowledged; or why not',
    description: 'Values are told only where the connector is started with EXPLAIN_VALUES=yes; `masked` says so.',
  })
  async explain(@Param('entity') entity: string, @Param('id') id: string) {
    const found = UUID.test(id) ? await this.find(entity, id) : undefined;
    if (!found) {
      throw new ProblemError(
        'not-found',
        'this connector has never received this record: look whether it was published',
      );
    }
    const [mapping] = (await this.mapper.map([found], { allocate: false })) as [Mapping];
    const sync = this.mapper.syncs.get(found.entity);
    const decision =
      sync && (mapping.is === 'row' || mapping.is === 'absent')
        ? decide(mapping, found, sync, this.mapper.today())
        : undefined;
    const blocked = this.control.blocked(await this.control.state());
    return {
      connector: this.runner.name,
      entity: found.entity,
      id: found.id,
      newest: {
        epoch: found.epoch,
        revision: found.revision,
        changedAt: found.changedAt,
        correlationId: found.correlationId,
      },
      acknowledged: found.acknowledgedAt && {
        epoch: found.acknowledgedEpoch,
        revision: found.acknowledgedRevision,
        at: found.acknowledgedAt,
      },
      status: found.status,
      inTarget: found.targetId !== null,
      would: decision?.action ?? mapping.is,
      why: whyOf(found, mapping, blocked),
      job: found.job,
      unrepresentable: [...mapping.faults],
      usedReferences: mapping.uses.map(({ entity, id, targetId }) => ({ entity, id, inTarget: targetId !== null })),
      attributes: decision
        ? explainRow(found.state, sync?.rules, decision.after, found.row, this.values)
        : explainRow(found.state, sync?.rules, found.row, found.row, this.values),
      masked: this.values ? [] : ['attributes[].from[].value', 'attributes[].wanted', 'attributes[].acknowledged'],
    };
  }

  private async find(entity: string, id: string): Promise<Explained | undefined> {
    const [found] = (await this.dataSource.query(
      `select s.entity, s.id, s.state, s.epoch, s.revision, s.changed_at as "changedAt", s.correlation_id as "correlationId",
              l.status, l.target_id as "targetId", l.target_row as row, l.etag, l.suspended_on::text as "suspendedOn",
              l.epoch as "acknowledgedEpoch", l.revision as "acknowledgedRevision", l.acknowledged_at as "acknowledgedAt",
              l.due_at as "dueAt", l.cause, l.job, l.waits_for as "waitsFor", l.error, l.ticket, l.held, l.unrepresentable, now() as now
         from state s join ledger l using (entity, id) where s.entity = $1 and s.id = $2`,
      [entity, id],
    )) as Explained[];
    return found;
  }
}

/** One sentence per thing that keeps the target from having what it should, or that it has it. */
function whyOf(found: Explained, mapping: Mapping, blocked: string | undefined): string[] {
  const why: string[] = [];
  const { status, ticket, error, held, dueAt, now } = found;
  if (mapping.is === 'skipped') why.push('out of scope: the mapping says that this record is none of this target');
  if (mapping.is === 'failed') why.push('the mapping fails');
  if (mapping.is === 'absent') why.push('the mapping says that the record must not exist in the target');
  for (const key of mapping.waitsFor ?? [])
    why.push(`waits for ${key.replace('|', ' ')}, which the target does not have`);
  if (status === 'parked' || status === 'dismissed') why.push(`${status} as ${ticket ?? '?'}: ${error?.message ?? ''}`);
  if (status === 'held') why.push(`held back by a guard: ${held ?? ''}`);
  if (status === 'observed') why.push('the connector only observes');
  if (found.suspendedOn !== null) why.push(`suspended on ${found.suspendedOn}, to be removed when the grace is over`);
  if (dueAt && dueAt <= now)
    why.push(blocked ? `due, but the connector is ${blocked}` : `due because of ${found.cause}`);
  else if (dueAt) {
    const cause = status === 'due' ? found.cause : 'date';
    why.push(`to be looked at again at ${dueAt.toISOString()} because of ${cause}`);
  }
  for (const { field, message } of mapping.faults) why.push(`left out: ${field} ${message}`);
  return why.length > 0 ? why : ['the target has acknowledged the newest revision'];
}
