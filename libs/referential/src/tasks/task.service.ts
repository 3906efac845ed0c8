import { Inject, Injectable } from '@nestjs/common';
import { pivotFaults, type Cause } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import type { ReferentialDefinition } from '../definition.js';
import { attributeOf } from '../golden/survivorship.js';
import { partIn, withPart } from '../golden/parts.js';
import { Ingestion } from '../ingest/ingestion.js';
import { fieldProblem } from '../request.js';
import { fact } from '../ingest/fact.js';
import type { Attributes } from '../tables.js';
import { DEFINITION } from '../tokens.js';
import { bind, decisionsOn, override, revoke, type Authority, type Decision } from './decision.sql.js';
import {
  addComment,
  assign,
  closeTask,
  commentsOn,
  countTasks,
  findTask,
  listTasks,
  type Task,
  type TaskComment,
  type Querying,
  type TaskFilter,
} from './task.sql.js';

/** What a steward decides in a task: by its kind, one of these. */
export interface Verdict {
  /** Of a tie: `source:key` of the source that is right. */
  readonly source?: string;
  /** Of an identifier: the record that it belongs to. Of a contradiction: the record that the source record speaks of, null for a record of its own. */
  readonly record?: string | null;
}

/** The inbox of the stewards, and what they decide; every decision is kept with its author and reason. */
@Injectable()
export class TaskService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) private readonly definition: ReferentialDefinition,
    @Inject(Ingestion) private readonly ingestion: Ingestion,
  ) {}

  async list(filter: TaskFilter, after: string | null, limit: number) {
    const items = await listTasks(this.dataSource, filter, after, limit);
    return {
      items,
      next: items.length === limit ? (items.at(-1)?.id ?? null) : null,
      open: await countTasks(this.dataSource),
    };
  }

  async get(id: string): Promise<Task & { comments: TaskComment[] }> {
    const task = await findTask(this.dataSource, id);
    if (!task) throw unknown(id);
    return { ...task, comments: await commentsOn(this.dataSource, id) };
  }

  /** Takes a task for somebody, or gives it back (null); refused while somebody else has it. */
  async assign(id: string, author: string, assignee: string | null): Promise<Task> {
    const done = await assign(this.dataSource, id, author, assignee);
    const task = await this.get(id);
    if (done) return task;
    throw new ProblemError(
      'conflict',
      task.status === 'open' ? 'somebody else has this task' : `this task is ${task.status}`,
    );
  }

  async comment(id: string, author: string, text: string): Promise<Task & { comments: TaskComment[] }> {
    await this.get(id);
    await addComment(this.dataSource, id, author, text);
    return this.get(id);
  }

  /**
   * Decides a task: the decision is noted, then carried out, then the task is done. What is cut short in between is decided
   * again, or found needless.
   */
  async decide(id: string, verdict: Verdict, by: Authority, cause: Cause): Promise<Task> {
    const carryOut = await this.dataSource.transaction(async (manager) => {
      const task = await findTask(manager, id, 'for update');
      if (!task) throw unknown(id);
      if (task.status !== 'open') throw new ProblemError('conflict', `this task is ${task.status}`);
      if (task.assignee !== null && task.assignee !== by.author)
        throw new ProblemError('conflict', 'somebody else has this task');
      await assign(manager, id, by.author, by.author);
      return this.note(manager, task, verdict, { ...by, taskId: id });
    });
    await carryOut({ ...cause, actor: by.author, reason: by.reason });
    await closeTask(this.dataSource, id, by.author, by.reason);
    return this.get(id);
  }

  decisions = (recordId: string): Promise<Decision[]> => decisionsOn(this.dataSource, recordId);

  /** Decides what stands in a part of a record, whatever its sources say. */
  async override(
    recordId: string,
    { part, value, until }: { part: string; value: unknown; until: string | null },
    by: Authority,
    cause: Cause,
  ): Promise<void> {
    await this.check(recordId, part, value);
    await this.dataSource.transaction((manager) => override(manager, recordId, { part, value, until }, by));
    await this.review([recordId], { ...cause, actor: by.author, reason: by.reason });
  }

  /** Lets the sources speak again. */
  async revoke(recordId: string, part: string, by: Authority, cause: Cause): Promise<void> {
    if (!(await this.dataSource.transaction((manager) => revoke(manager, recordId, part, by)))) {
      throw new ProblemError(
        'not-found',
        `no decision holds on ${part.slice(0, 100)} of ${this.definition.entity} ${recordId}`,
      );
    }
    await this.review([recordId], { ...cause, actor: by.author, reason: by.reason });
  }

  private async note(
    manager: Querying,
    task: Task,
    { source, record }: Verdict,
    by: Authority,
  ): Promise<(cause: Cause) => Promise<unknown>> {
    switch (task.kind) {
      case 'tie': {
        if (source === undefined || !task.detail.sources?.includes(source)) {
          throw fieldProblem('source', `must be one of ${task.detail.sources?.join(', ')}`);
        }
        const value = await this.saidBy(manager, task, source);
        await override(manager, task.subject, { part: task.key, value, until: null }, by);
        return (cause) => this.review([task.subject], cause);
      }
      case 'identifier': {
        const records = [task.subject, ...task.others];
        if (typeof record !== 'string' || !records.includes(record)) {
          throw fieldProblem('record', `must be one of ${records.join(', ')}`);
        }
        const others = records.filter((one) => one !== record);
        const part = `identifiers.${task.key}`;
        for (const one of others) await override(manager, one, { part, value: false, until: null }, by);
        await revoke(manager, record, part, by);
        // What one gives up must be free before the other can hold it.
        return async (cause) => {
          await this.review(others, cause);
          await this.review([record], cause);
        };
      }
      case 'contradiction': {
        if (record !== null && (record === undefined || !task.others.includes(record))) {
          throw fieldProblem('record', `must be null or one of ${task.others.join(', ')}`);
        }
        if (record !== null) await bind(manager, 'must-link', task.subject, record, by);
        else for (const one of task.others) await bind(manager, 'cannot-link', task.subject, one, by);
        return (cause) => this.reconsider(task.subject, cause);
      }
    }
  }

  /** What a source says in a part. */
  private async saidBy(manager: Querying, { subject, key }: Task, name: string): Promise<unknown> {
    const [said] = (await manager.query(
      `select s.payload from link l join source_record s on s.id = l.source_record_id
        where l.record_id = $1 and s.source || ':' || s.source_id = $2`,
      [subject, name],
    )) as { payload: Attributes }[];
    const attribute = attributeOf(key);
    return partIn(attribute, key, said?.payload[attribute]) ?? null;
  }

  private async reconsider(sourceRecordId: string, cause: Cause): Promise<void> {
    const [said] = (await this.dataSource.query(
      `select source, source_id as "sourceId", version::float8 as version, business_date as "businessDate", payload from source_record where id = $1`,
      [sourceRecordId],
    )) as {
      source: string;
      sourceId: string;
      version: number | null;
      businessDate: string | null;
      payload: Attributes;
    }[];
    if (!said) return;
    const { source, sourceId, version, businessDate, payload } = said;
    await this.ingestion.reconsider(source, fact(sourceId, version, payload, businessDate), cause);
  }

  private review = (ids: readonly string[], cause: Cause): Promise<number> =>
    this.ingestion.review(() => Promise.resolve(ids), cause);

  /** Refuses what cannot stand in a record, naming the part. */
  private async check(recordId: string, part: string, value: unknown): Promise<void> {
    const [record] = (await this.dataSource.query('select state from record where id = $1', [recordId])) as {
      state: Attributes;
    }[];
    if (!record) throw new ProblemError('not-found', `there is no ${this.definition.entity} ${recordId}`);
    const attribute = attributeOf(part);
    const name = part.slice(attribute.length + 1);
    if (attribute === 'identifiers') {
      if (value !== false)
        throw fieldProblem('value', 'must be false: an identifier is denied, or its decision is revoked');
      return;
    }
    if (attribute === 'roleStates') {
      if (value !== 'inactive') throw fieldProblem('value', 'must be inactive, or its decision is revoked');
      if (!Object.hasOwn((record.state['roleStates'] ?? {}) as object, name))
        throw fieldProblem('part', 'is no role that the record holds or has held');
      return;
    }
    const document = part === attribute ? { [attribute]: value } : { [attribute]: withPart(undefined, name, value) };
    const faults = pivotFaults(this.definition.entity, document).filter(
      ({ field }) => field.split(/[.[]/)[0] === attribute,
    );
    if (faults.length > 0)
      throw new ProblemError('invalid-document', 'this cannot stand in the record', { errors: faults });
  }
}

const unknown = (id: string) => new ProblemError('not-found', `there is no task ${id}`);
