import { Inject, Injectable } from '@nestjs/common';
import { compareVersions, masterValidator, referenceKeys, type Entity, type Validator } from '@myelin/contracts';
import type { Batch, Received, Unreadable } from '@myelin/messaging';
import { LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { forgetAnswers } from '../custom/hook.sql.js';
import { keepAside, markDue, saveKeys, saveStates, type Arrival } from './intake.sql.js';
import { lockLedger } from '../work/lock.sql.js';
import { Wakeup } from '../work/wakeup.js';

/**
 * Takes master states off the topics: validates, keeps the newest, marks them due. It never calls the target, so that
 * Kafka never waits for it.
 */
@Injectable()
export class Intake {
  private readonly validators = new Map<Entity, Validator>();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Takes in a batch of one topic; it is safe to give the same batch again. */
  async take(entity: Entity, priority: number, batch: Batch): Promise<void> {
    const { arrivals, aside } = this.sort(entity, batch);
    const due = await this.dataSource.transaction(async (manager) => {
      await keepAside(manager, aside);
      if (arrivals.length === 0) return 0;
      const saved = await saveStates(manager, entity, arrivals);
      const newer = arrivals.filter(({ id }) => saved.has(id));
      if (newer.length === 0) return 0;
      await saveKeys(manager, entity, newer);
      const over = newer.filter(({ isOver }) => isOver).map(({ id }) => id);
      if (over.length > 0) await forgetAnswers(manager, entity, over);
      await lockLedger(manager);
      await markDue(manager, entity, priority, newer);
      return newer.length;
    });
    if (due > 0) this.wakeup.live.wake();
    for (const { topic, partition, offset, reason } of aside) {
      this.logger.error({ topic, partition, offset, reason }, 'message kept aside');
    }
    this.logger.debug({ topic: batch.topic, read: batch.events.length, due, aside: aside.length }, 'states taken');
  }

  /** The newest state of each entity of the batch, and what cannot be read. */
  private sort(entity: Entity, batch: Batch): { arrivals: Arrival[]; aside: Unreadable[] } {
    const newest = new Map<string, Received>();
    const aside = [...batch.unreadable];
    for (const event of batch.events) {
      const reason = this.refusal(entity, event);
      if (reason !== undefined) {
        const { topic, partition, offset, attributes, json } = event;
        aside.push({
          topic,
          partition,
          offset,
          key: attributes.subject,
          bytes: json === null ? null : Buffer.from(json),
          reason,
        });
        continue;
      }
      const known = newest.get(event.attributes.subject);
      if (!known || compareVersions(known.attributes, event.attributes) < 0)
        newest.set(event.attributes.subject, event);
    }
    return { arrivals: [...newest.values()].map((event) => arrival(event)), aside };
  }

  private refusal(entity: Entity, { attributes, state }: Received): string | undefined {
    if (!UUID.test(attributes.subject)) return 'ce_subject is no master id';
    if (state === null) return undefined;
    if (state.id !== attributes.subject) return 'id differs from ce_subject';
    let validate = this.validators.get(entity);
    if (!validate) this.validators.set(entity, (validate = masterValidator(entity)));
    const [fault] = validate(state);
    return fault && `${fault.field} ${fault.message}`;
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function arrival({ attributes, state, json }: Received): Arrival {
  return {
    id: attributes.subject,
    epoch: attributes.epoch,
    revision: attributes.revision,
    json,
    keys: state === null ? [] : referenceKeys(state),
    correlationId: attributes.correlationid,
    changedAt: instant(attributes.time),
    isOver: state === null || state.status === 'erased',
  };
}

/** A time as PostgreSQL takes it; one that does not exist (30 February) has the right form and is none. */
const instant = (text: string) => (Number.isNaN(Date.parse(text)) ? null : new Date(text).toISOString());
