import { setImmediate } from 'node:timers/promises';
import type { RowValue } from '@myelin/connector';
import jsonata from 'jsonata';

/**
 * Steps that an expression may take for one record. They are counted and not timed: what is given up on a busy machine is given up
 * on an idle one too.
 */
const MOST_STEPS = 100_000;
/** How deep its calls may be nested. */
const DEEPEST = 300;

/** What gives another value each time; `$eval` would hide such from whoever reads the expression. */
const IMPURE = ['now', 'millis', 'random', 'shuffle', 'eval'];

/** A node of the syntax tree, as far as it is looked at. */
interface Node {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly procedure?: Node;
  readonly arguments?: readonly unknown[];
  readonly rhs?: unknown;
}

/** A JSONata expression that gives the same for the same input. */
export class Expression {
  private readonly compiled: jsonata.Expression;
  private steps = 0;

  /** @throws Error that says what is wrong with the text, and where. */
  constructor(readonly text: string) {
    const step = () => this.step();
    this.compiled = compile(text, {
      // JSONata asks for it at every step.
      get stack() {
        return step();
      },
    });
    const fault = impurityOf(this.compiled.ast());
    if (fault !== undefined) throw new Error(fault);
  }

  /**
   * What it gives, as JSON; undefined for nothing: null, an empty list.
   * @throws ExpressionFailed
   */
  async evaluate(input: object, functions: Functions): Promise<RowValue | undefined> {
    this.steps = 0;
    try {
      return plain(await this.compiled.evaluate(input, functions));
    } catch (error) {
      // Others have waited meanwhile.
      if (this.steps > MOST_STEPS) await setImmediate();
      throw failureOf(error);
    }
  }

  private step(): number {
    if (++this.steps > MOST_STEPS) throw new ExpressionFailed('takes too many steps');
    return DEEPEST;
  }
}

/** What an expression may call beside the functions of JSONata, by name without `$`. */
export type Functions = Readonly<Record<string, (argument: unknown) => unknown>>;

/** An expression that failed for one record. JSONata's own message may hold values; this one holds its code. */
export class ExpressionFailed extends Error {}

function failureOf(error: unknown): ExpressionFailed {
  if (error instanceof ExpressionFailed) return error;
  const { code, name } = error as { code?: unknown; name?: unknown };
  const told = typeof code === 'string' && /^[A-Z]\d{4}$/.test(code) ? code : String(name);
  return new ExpressionFailed(`fails with JSONata error ${told}`, { cause: error });
}

function compile(text: string, options: jsonata.JsonataOptions): jsonata.Expression {
  try {
    return jsonata(text, options);
  } catch (error) {
    const { code, position, message } = error as jsonata.JsonataError;
    throw new Error(`${code} at position ${position}: ${message}`, { cause: error });
  }
}

function impurityOf(ast: unknown): string | undefined {
  const all = [...nodes(ast)];
  const piped = new Set(all.filter(({ type }) => type === 'apply').map(({ rhs }) => rhs));
  // A picture may leave out the day or the year, which are then those of today.
  const iso = new Set(
    all
      .filter((node) => node.type === 'function' && node.arguments?.length === 1 && !piped.has(node))
      .map(({ procedure }) => procedure),
  );
  for (const node of all) {
    if (node.type !== 'variable' || typeof node.value !== 'string') continue;
    if (IMPURE.includes(node.value))
      return `may not use $${node.value}: the same record must give the same on the same day (\`today\` is that day)`;
    if (node.value === 'toMillis' && !iso.has(node))
      return 'may use $toMillis as $toMillis(text) only, without a picture';
  }
  return undefined;
}

/** All nodes of a syntax tree. */
function* nodes(value: unknown, seen = new Set<unknown>()): Generator<Node> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  yield value;
  for (const part of Object.values(value)) yield* nodes(part, seen);
}

/** A result without what JSONata notes in it. */
function plain(value: unknown): RowValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) {
    const all = value.map((one) => plain(one)).filter((one) => one !== undefined);
    return all.length > 0 ? all : undefined;
  }
  if (typeof value !== 'object' || '_jsonata_lambda' in value || '_jsonata_function' in value)
    throw new ExpressionFailed('gives a function');
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one) ?? null]));
}
