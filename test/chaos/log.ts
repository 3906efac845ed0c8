import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A row of the target: attributes that are texts. */
export type TargetRow = Readonly<Record<string, string>>;

export const VERBS = ['PUT', 'PATCH', 'DELETE'] as const;
/** `PUT` creates, `PATCH` changes, `DELETE` removes. */
export type Verb = (typeof VERBS)[number];

/** A write that the target executed or, where `status` is 400 or more, looked at and refused. */
export interface LoggedWrite {
  /** When, RFC 3339. */
  readonly at: string;
  /** Number of the request. */
  readonly request: number;
  /** 1, or 2 where the network brought the same request once more. */
  readonly execution: number;
  readonly entity: string;
  readonly id: string;
  readonly verb: Verb;
  /** Version of the master record that the caller said it was carrying out. */
  readonly epoch: number;
  readonly revision: number;
  readonly correlationId: string;
  readonly status: number;
  /** Whether the row existed before and after. */
  readonly before: boolean;
  readonly after: boolean;
  /** Of the row as it stands afterwards; null when there is none. */
  readonly hash: string | null;
}

/** The same for rows with the same attributes and values. */
export function rowHash(row: TargetRow): string {
  const sorted = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 22);
}

/** Reads the log of a target; fails at a line that is no whole write. */
export async function* readLog(file: string): AsyncGenerator<LoggedWrite> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number++;
    const write = parsed(line);
    if (!write) throw new Error(`line ${number} of the target's log is no write`);
    yield write;
  }
}

function parsed(line: string): LoggedWrite | undefined {
  try {
    const write = JSON.parse(line) as LoggedWrite;
    const isWhole =
      (VERBS as readonly string[]).includes(write.verb) &&
      [write.request, write.execution, write.epoch, write.revision, write.status].every(Number.isSafeInteger) &&
      [write.entity, write.id].every((text) => typeof text === 'string' && text !== '') &&
      (write.hash === null || typeof write.hash === 'string');
    return isWhole ? write : undefined;
  } catch {
    return undefined;
  }
}
