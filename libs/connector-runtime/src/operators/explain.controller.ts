import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ENTITIES } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Control } from './control.js';
import { decide } from '../work/decision.js';
import { explainRow } from './explain.js';
import { findExplained } from './explain.sql.js';
import { Explanation } from './explain.views.js';
import { UUID } from './orders.js';
import { whyOf } from './why.js';
import { Mapper, type Mapping } from '../work/mapper.js';
import { ConnectorRunner } from '../work/runner.js';

/** Injection token: whether explanations show values, or only names. */
export const EXPLAIN_VALUES = Symbol('explain values');

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
  @ApiParam({ name: 'entity', enum: ENTITIES })
  @ApiOperation({
    summary: 'Attribute by attribute: golden value, rule, target value, what the target last acknowledged; or why not',
    description: 'Values are told only where the connector is started with EXPLAIN_VALUES=yes; `masked` says so.',
  })
  @ApiResponse({ status: 200, type: Explanation })
  async explain(@Param('entity') entity: string, @Param('id') id: string): Promise<Explanation> {
    const found = UUID.test(id) ? await findExplained(this.dataSource, entity, id) : undefined;
    if (!found) {
      throw new ProblemError(
        'not-found',
        'this connector has never received this record: look whether it was published',
      );
    }
    const [mapping] = (await this.mapper.map([found], 'suppose')) as [Mapping];
    const sync = this.mapper.syncs.get(found.entity);
    const decision =
      sync && (mapping.is === 'row' || mapping.is === 'absent')
        ? decide(mapping, found, sync, this.mapper.today())
        : undefined;
    const rules = this.mapper.rulesOf(found.entity);
    const work = { blocked: this.control.blocked(await this.control.state()), gate: this.runner.status() };
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
      why: whyOf(found, mapping, work),
      job: found.job,
      unrepresentable: [...mapping.faults],
      usedReferences: mapping.uses.map(({ entity, id, targetId }) => ({ entity, id, inTarget: targetId !== null })),
      attributes: decision
        ? explainRow(found.state, rules, decision.after, found.row, this.values)
        : explainRow(found.state, rules, found.row, found.row, this.values),
      masked: this.values ? [] : ['attributes[].from[].value', 'attributes[].wanted', 'attributes[].acknowledged'],
    };
  }
}
