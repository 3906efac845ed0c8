import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Entity, Master } from '@myelin/contracts';
import { Counter, Histogram, type Health, type HealthReport, type Logger } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import type { ConnectorSettings } from '../connector-runtime.settings.js';
import { inParallel } from '../work/lanes.js';
import type { Customisation, Enriched, Mappable, Names } from '../work/mapper.js';
import { Breaker } from './hook.breaker.js';
import { HookCaller, HookFault, type FaultKind } from './hook.call.js';
import { HookFailed } from './hook.errors.js';
import { granted } from './hook.grants.js';
import type { HookSettings } from './hook.settings.js';
import { forgetAllAnswersBut, keepAnswers, readAnswers, type HookAnswer } from './hook.sql.js';

/** Calls under way at once for one batch. */
const AT_ONCE = 8;
/**
 * No call begins later than so long after the first one of its batch: what has no part in it waits no longer for those that do. A
 * batch of workers must begin to write soon after its claim; a plan must move on before its job is taken for abandoned.
 */
const LAST_START_MS = { allocate: 1000, owned: 5000 } as const;
/** What was mapped without an answer is mapped again after so long. */
const AGAIN_MS = 600_000;

const calls = new Counter({
  name: 'myelin_hook_calls_total',
  help: 'Calls of the web services that enrich records, by outcome',
  labelNames: ['entity', 'outcome'],
});
const durations = new Histogram({
  name: 'myelin_hook_call_seconds',
  help: 'Duration of calls of the web services that enrich records',
  labelNames: ['entity'],
  buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
});

/** One hook with how it fares. */
interface Hook {
  readonly settings: HookSettings;
  readonly caller: HookCaller;
  readonly breaker: Breaker;
  /** How the last call failed; undefined after one that did not. */
  trouble: string | undefined;
}

/** The web services of an establishment that enrich records before they are mapped, one at most for each kind of record. */
export class Hooks implements NonNullable<Customisation['records']>, OnApplicationBootstrap {
  private readonly hooks: ReadonlyMap<Entity, Hook>;

  constructor(
    { HOOK, HOOK_SECRET = '' }: Pick<ConnectorSettings, 'HOOK' | 'HOOK_SECRET'>,
    private readonly dataSource: DataSource,
    private readonly logger: Logger,
    private readonly healthOfProcess?: Health,
  ) {
    this.hooks = new Map(
      HOOK.map((settings) => [
        settings.entity,
        { settings, caller: new HookCaller(settings, HOOK_SECRET), breaker: new Breaker(), trouble: undefined },
      ]),
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.hooks.size > 0) this.healthOfProcess?.register('hook', () => this.health());
    await forgetAllAnswersBut(this.dataSource, [...this.hooks.keys()]);
  }

  version(entity: Entity): string | undefined {
    const hook = this.hooks.get(entity);
    return hook && `hook ${hook.settings.version}`;
  }

  /** Whoever supposes asks nobody: an answer that is there is taken. */
  async enrich(entities: readonly Mappable[], names: Names): Promise<readonly Enriched[]> {
    if (this.hooks.size === 0) return entities;
    const asked = entities.filter(isAlive).filter(({ entity }) => this.hooks.has(entity));
    if (asked.length === 0) return entities;
    const kept = await readAnswers(this.dataSource, asked);
    const enriched = new Map<Mappable, Enriched>();
    const open = asked.filter((one) => {
      const last = kept.get(keyOf(one));
      const isCurrent = last?.version === this.hooks.get(one.entity)?.settings.version && isOf(one, last);
      if (isCurrent) enriched.set(one, withAnswer(one, last));
      return !isCurrent;
    });
    const fresh: HookAnswer[] = [];
    const lastStart = performance.now() + (names === 'suppose' ? 0 : LAST_START_MS[names]);
    await inParallel(open, AT_ONCE, async (one) => {
      const hook = this.hooks.get(one.entity) as Hook;
      try {
        if (names === 'suppose') throw new NotAsked();
        if (performance.now() > lastStart) throw new HookFailed('the hook has not been asked yet', 'return');
        const answer = await this.ask(hook, one);
        fresh.push(answer);
        enriched.set(one, withAnswer(one, answer));
      } catch (error) {
        enriched.set(one, without(one, hook.settings, error as Error, kept.get(keyOf(one))));
      }
    });
    if (fresh.length > 0) await keepAnswers(this.dataSource, fresh);
    return entities.map((one) => enriched.get(one) ?? one);
  }

  private health(): HealthReport {
    const troubles = [...this.hooks].flatMap(([entity, { trouble }]) =>
      trouble === undefined ? [] : [`${entity}: ${trouble}`],
    );
    return troubles.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: `hook: ${troubles.join('; ')}` };
  }

  private async ask(hook: Hook, one: Alive): Promise<HookAnswer> {
    const { settings, caller, breaker } = hook;
    const { entity, id, epoch, revision, state, correlationId } = one;
    if (!breaker.admits()) throw new HookFault('unreachable', hook.trouble ?? 'the hook fails');
    const tell = (outcome: 'answered' | FaultKind) => calls.inc({ entity, outcome });
    const end = durations.startTimer({ entity });
    try {
      const question = { entity, id, epoch, revision, record: granted(state, settings.fields) };
      const extensions = await caller.ask(question, correlationId ?? undefined);
      tell('answered');
      this.answered(hook);
      hook.trouble = undefined;
      return { entity, id, epoch, revision, version: settings.version, extensions };
    } catch (error) {
      const { kind, message } = error as HookFault;
      tell(kind);
      hook.trouble = message;
      // What is wrong with one answer says nothing of the next one.
      if (kind === 'refused') this.answered(hook);
      else this.failed(hook, message);
      throw error;
    } finally {
      end();
    }
  }

  private answered({ settings: { entity }, breaker }: Hook): void {
    if (breaker.isOpen) this.logger.info({ entity }, 'the hook answers');
    breaker.answered();
  }

  private failed({ settings: { entity }, breaker }: Hook, error: string): void {
    const wasOpen = breaker.isOpen;
    breaker.failed();
    if (breaker.isOpen && !wasOpen) this.logger.warn({ entity, error }, 'the hook fails and is left alone for a while');
  }
}

/** Nobody asks a hook for what is only supposed. */
class NotAsked extends Error {
  override readonly message = 'is asked of the hook when the record is next written';
}

type Alive = Mappable & { readonly state: Master };

/** Of what is gone there is nothing to enrich, and its end waits for nobody. */
const isAlive = (one: Mappable): one is Alive => one.state?.status === 'active' || one.state?.status === 'inactive';

const keyOf = ({ entity, id }: Mappable) => `${entity}|${id}`;

const isOf = (one: Mappable, answer: HookAnswer | undefined): answer is HookAnswer =>
  answer?.epoch === one.epoch && answer.revision === one.revision;

/** What the hook answers stands in the place of what the record has in the namespace; its other extensions stay. */
const withAnswer = (one: Alive, { extensions }: HookAnswer): Enriched => ({
  ...one,
  state: { ...one.state, extensions: { ...one.state.extensions, ...extensions } },
});

/** What becomes of a record without an answer; `last`: an earlier one. */
function without(
  one: Alive,
  { namespace, onFailure }: HookSettings,
  error: Error,
  last: HookAnswer | undefined,
): Enriched {
  if (error instanceof HookFailed) return { ...one, failed: { error } };
  const isSkipped = onFailure === 'skip' || error instanceof NotAsked;
  if (!isSkipped) return { ...one, failed: { error: new HookFailed(error.message, onFailure) } };
  const isUsable = last !== undefined && Object.hasOwn(last.extensions, namespace);
  const message = isUsable ? `${error.message}; an earlier answer is used` : error.message;
  return {
    ...(isUsable ? withAnswer(one, last) : one),
    makeshift: { fault: { field: `extensions.${namespace}`, message }, againInMs: AGAIN_MS },
  };
}
