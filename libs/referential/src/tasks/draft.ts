export const TASK_KINDS = ['tie', 'identifier', 'contradiction'] as const;
/**
 * What a person must decide: which of two sources is believed (`tie`), which record an identifier belongs to (`identifier`),
 * which record a source record speaks of (`contradiction`).
 */
export type TaskKind = (typeof TASK_KINDS)[number];

/** Something that a person must decide, as it is found. */
export interface TaskDraft {
  readonly kind: TaskKind;
  /** The record, or the source record that waits. */
  readonly subject: string;
  /** What about it: a part (`birthName`), an identifier (`siham:100201`), the key of a source record (`apogee:42`). */
  readonly key: string;
  /** The records that are concerned beside. */
  readonly others: readonly string[];
  /** Names of sources and fields; no values. */
  readonly detail: {
    readonly source?: string;
    readonly sources?: readonly string[];
    readonly fields?: readonly string[];
  };
}
