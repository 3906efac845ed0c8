import { readFileSync } from 'node:fs';

/** One setting: how its text is read, and whether it may be shown. */
export interface Setting<T> {
  /** Reads the text; throws an `Error` whose message says what is expected. */
  readonly parse: (text: string) => T;
  /** Value when the variable is absent; without it the variable is required. */
  readonly default?: { readonly value: T };
  readonly secret?: boolean;
  /** Another variable that must be given with this one. */
  readonly requires?: string;
}

/** The settings of a process by variable name. */
export type SettingsSpec = Record<string, Setting<unknown>>;
/** What reading a spec gives. */
export type SettingsOf<S extends SettingsSpec> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** All faults of the settings of a process, to be printed together before it leaves. */
export class SettingsFault extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`settings are wrong:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'SettingsFault';
  }
}

const expect = (ok: boolean, what: string) => {
  if (!ok) throw new Error(`must be ${what}`);
};

/** Any non-empty text. */
export const text = (defaultValue?: string): Setting<string> => ({
  parse: (value) => value,
  ...(defaultValue === undefined ? {} : { default: { value: defaultValue } }),
});

/** Text that is never printed; also read from the file named by `NAME_FILE`. */
export const secret = (): Setting<string> => ({ parse: (value) => value, secret: true });

/** A text that may be left out. */
export const optionalText = (): Setting<string | undefined> => ({ parse: (v) => v, default: { value: undefined } });

/** A whole number between two bounds. */
export const integer = (min: number, max: number, defaultValue?: number): Setting<number> => ({
  parse: (value) => {
    const number = Number(value);
    expect(Number.isSafeInteger(number) && number >= min && number <= max, `a whole number from ${min} to ${max}`);
    return number;
  },
  ...(defaultValue === undefined ? {} : { default: { value: defaultValue } }),
});

/** One of a few words. */
export const choice = <const W extends string>(words: readonly W[], defaultValue?: W): Setting<W> => ({
  parse: (value) => {
    expect((words as readonly string[]).includes(value), `one of ${words.join(', ')}`);
    return value as W;
  },
  ...(defaultValue === undefined ? {} : { default: { value: defaultValue } }),
});

/** A URL of one of the given protocols; its password is never printed. */
export const url = (protocols: readonly string[]): Setting<string> => ({
  parse: (value) => {
    expect(
      URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)),
      `a ${protocols.join(' or ')} URL`,
    );
    return value;
  },
  secret: true,
});

/** A list of texts separated by commas. */
export const list = (defaultValue?: readonly string[]): Setting<readonly string[]> => ({
  parse: (value) => {
    const items = value.split(',').map((item) => item.trim());
    expect(
      items.every((item) => item !== ''),
      'a list separated by commas',
    );
    return items;
  },
  ...(defaultValue === undefined ? {} : { default: { value: defaultValue } }),
});

/**
 * Reads the settings of a process from environment variables. A variable may stand in a file named by `NAME_FILE`.
 * @throws SettingsFault naming every variable at fault, with no value in it.
 */
export function readSettings<S extends SettingsSpec>(spec: S, env: NodeJS.ProcessEnv = process.env): SettingsOf<S> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(spec)) {
    try {
      const given = fromFile(name, env) ?? env[name];
      if (given !== undefined && given !== '') values[name] = setting.parse(given);
      else if (setting.default) values[name] = setting.default.value;
      else throw new Error('is required');
    } catch (error) {
      faults.push(`${name} ${(error as Error).message}`);
    }
  }
  for (const [name, { requires }] of Object.entries(spec)) {
    const isGiven = (variable: string) => Boolean(env[variable] || env[`${variable}_FILE`]);
    if (requires && isGiven(name) && !isGiven(requires)) faults.push(`${requires} is required where ${name} is given`);
  }
  if (faults.length > 0) throw new SettingsFault(faults);
  return values as SettingsOf<S>;
}

function fromFile(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const path = env[`${name}_FILE`];
  if (!path) return undefined;
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    throw new Error(`cannot be read from the file that ${name}_FILE names`, { cause });
  }
}

/** The environment with what stands in the files that it names: it reads the same later, whatever becomes of them. */
export function withFiles(spec: SettingsSpec, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const read = Object.keys(spec).flatMap((name) => {
    const text = fromFile(name, env);
    return text === undefined
      ? []
      : [
          [name, text],
          [`${name}_FILE`, ''],
        ];
  });
  return { ...env, ...(Object.fromEntries(read) as NodeJS.ProcessEnv) };
}

/** The settings as they may be logged: secrets and URLs with a password as `***`. */
export function printable(spec: SettingsSpec, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(spec).map((name) => [name, spec[name]?.secret ? '***' : values[name]]));
}
