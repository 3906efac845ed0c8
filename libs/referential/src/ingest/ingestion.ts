import { Inject, Injectable } from '@nestjs/common';
import type { Cause } from '@myelin/contracts';
import { DataSource, type QueryRunner } from 'typeorm';
import type { ReferentialDefinition } from '../definition.js';
import { today } from '../golden/days.js';
import type { Rules } from '../golden/golden.js';
import { HUB } from '../golden/hub.js';
import type { Survivorship } from '../golden/survivorship.js';
import { DEFINITION, RELAY_SIGNAL, SURVIVORSHIP, type RelaySignal } from '../tokens.js';
import { review } from './decide.js';
import type { Ingested, SourceFact } from './fact.js';
import { addHolders, contended, ingest, write } from './ingest.js';
import { lockRecords } from './ingest.sql.js';
import { withStaging } from './staging.js';

/** The one way by which anything changes a record: what sources say, and what follows from dates and decisions. */
@Injectable()
export class Ingestion {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) private readonly definition: ReferentialDefinition,
    @Inject(SURVIVORSHIP) private readonly survivorship: Survivorship,
    @Inject(RELAY_SIGNAL) private readonly relay: RelaySignal,
  ) {}

  /** The rules as they hold today. */
  rules(): Rules {
    return { survivorship: this.survivorship, roles: this.definition.roles, day: today() };
  }

  /**
   * Takes in what a source asserts; one outcome per fact, in order.
   * @throws ProblemError when the source is retired.
   */
  async take(source: string, facts: readonly SourceFact[], cause: Cause): Promise<Ingested[]> {
    const outcomes = await ingest(this.dataSource, facts, { source, cause, rules: this.rules() });
    this.relay.wake();
    return outcomes;
  }

  /** Decides again about a source record that waits for a steward. */
  async reconsider(source: string, said: SourceFact, cause: Cause): Promise<Ingested | undefined> {
    const [outcome] = await ingest(this.dataSource, [said], { source, cause, rules: this.rules(), reconsider: true });
    this.relay.wake();
    return outcome;
  }

  /**
   * Computes records anew and writes those that have changed, in one transaction with what `choose` does to choose them.
   * @returns how many were looked at.
   */
  async review(choose: (runner: QueryRunner) => Promise<readonly string[]>, cause: Cause): Promise<number> {
    const count = await contended(() =>
      withStaging(this.dataSource, async (runner) => {
        const ids = await choose(runner);
        const records = await lockRecords(runner, ids);
        const holders = new Map<string, string>();
        await addHolders(runner, records, holders);
        const rules = this.rules();
        const writes = [...records.values()].map((record) => review(record, holders, rules));
        await write(runner, writes, HUB, cause);
        return ids.length;
      }),
    );
    if (count > 0) this.relay.wake();
    return count;
  }
}
