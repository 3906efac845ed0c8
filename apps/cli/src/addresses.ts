import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EXIT, Failure, usage } from './failure.js';

/** Referentials by what they hold. */
export const REFERENTIALS = { person: 'persons', structure: 'structures', 'third-party': 'third-parties' } as const;
export type Referential = keyof typeof REFERENTIALS;

/** Where the services of one installation answer. */
export interface Addresses {
  readonly referentials: Readonly<Partial<Record<Referential, string>>>;
  readonly connectors: Readonly<Record<string, string>>;
  readonly deliveries: string | undefined;
}

/** All services by name. */
export const servicesOf = ({ referentials, connectors, deliveries }: Addresses): Record<string, string> => ({
  ...referentials,
  ...(deliveries !== undefined && { deliveries }),
  ...connectors,
});

const EXAMPLE =
  '{"person": "http://…", "structure": "http://…", "deliveries": "http://…", "connectors": {"ldap": "http://…"}}';

/** Reads the file of addresses: the one that is named, else `myelin.json` here, else that of the user. */
export function readAddresses(named: string | undefined): Addresses {
  const candidates = named === undefined ? ['myelin.json', join(userFolder(), 'myelin.json')] : [named];
  for (const file of candidates) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw new Failure(EXIT.usage, `${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    return parse(file, text);
  }
  throw usage(
    `no addresses: write ${candidates.join(' or ')}, or name a file with --config or MYELIN_CONFIG\n${EXAMPLE}`,
  );
}

function parse(file: string, text: string): Addresses {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Failure(EXIT.usage, `${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const { connectors = {}, deliveries, ...referentials } = objectOf(file, content);
  const wrong = Object.keys(referentials).find((name) => !(name in REFERENTIALS));
  if (wrong !== undefined)
    throw usage(
      `${file}: ${wrong} is none of ${[...Object.keys(REFERENTIALS), 'deliveries', 'connectors'].join(', ')}`,
    );
  const urls = (where: string, entries: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(entries).map(([name, url]) => [name, urlOf(file, where + name, url)]));
  return {
    referentials: urls('', referentials),
    connectors: urls('connectors.', objectOf(`${file}: connectors`, connectors)),
    deliveries: deliveries === undefined ? undefined : urlOf(file, 'deliveries', deliveries),
  };
}

function objectOf(what: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw usage(`${what} must be an object`);
  return value as Record<string, unknown>;
}

function urlOf(file: string, name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^https?:\/\//.test(value) || !URL.canParse(value))
    throw usage(`${file}: ${name} must be the address of a service, http:// or https://`);
  return value.replace(/\/+$/, '');
}

const userFolder = () => process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config');
