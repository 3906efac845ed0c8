import { Fatal, Rejected, type Found, type Listed, type Ref } from '@myelin/connector';
import { canonicalDn } from './canonical-dn.js';
import { attributesOf, standingIn, type EntryKind, type Standing } from './entry.js';
import type { DirectorySettings } from './ldap.settings.js';
import { parseDn, sameDn } from './ldap/dn.js';
import { equal, or, present } from './ldap/filter.js';
import { isNoSuchObject, isSizeLimit } from './ldap/ldap.error.js';
import type { CallOptions, LdapEntry, LdapOperations } from './ldap/ldap.port.js';
import { hubIds, hubRefId, refIdKeys } from './ref-ids.js';
import type { Tree } from './tree.js';

/** Ids in one filter: the server compares every candidate with each of them. */
const GROUP = 50;
const VERSION = ['supannRefId', 'entryCSN'];

/** Finds the entries of one kind by the hub's id, whatever their name (SupAnn, supannRefId). */
export class EntryReader {
  private readonly attributes: readonly string[];
  private readonly standing: (entry: LdapEntry) => Standing;
  private readonly below: string;

  constructor(
    private readonly ldap: LdapOperations,
    private readonly settings: DirectorySettings,
    private readonly tree: Tree,
    private readonly kind: EntryKind,
  ) {
    this.attributes = attributesOf(kind);
    this.standing = standingIn(kind, settings);
    this.below = `,${canonicalDn(kind.branch)}`;
  }

  /** The entry of that master record, by its DN if it still is that record's, or was adopted as that, else by the hub's id. */
  async find({ id, targetId, adopted = false }: Ref, options: CallOptions = {}): Promise<Standing | null> {
    const refId = hubRefId(id, this.settings);
    const named = targetId === null ? null : await this.ldap.read(targetId, this.attributes, options);
    if (named && (carries(named, refId) || (adopted && this.isUnclaimed(named)))) return this.standing(named);
    const chosen = this.choose(await this.search([refId], this.attributes, options), targetId);
    if (chosen instanceof Rejected) throw chosen;
    return chosen;
  }

  /** As `find`, for many; one that `find` would refuse is answered with its refusal. */
  async findMany(refs: readonly Ref[]): Promise<(Standing | null | Rejected)[]> {
    const ids = refs.map(({ id }) => hubRefId(id, this.settings));
    const byId = new Map<string, LdapEntry[]>(ids.map((refId) => [refId, []]));
    for (const entry of await this.searchAll(ids, this.attributes)) {
      for (const refId of entry.attributes.supannRefId ?? []) byId.get(refId)?.push(entry);
    }
    return Promise.all(
      refs.map(async (ref, i) => {
        // An entry that was adopted, or moved out of the branch, is known by its DN only.
        const isElsewhere = ref.targetId !== null && (ref.adopted === true || !ref.targetId.endsWith(this.below));
        return isElsewhere ? this.find(ref).catch(refusal) : this.choose(byId.get(ids[i]!)!, ref.targetId);
      }),
    );
  }

  /** The entryCSN of each entry; null where none, or more than one, carries the id below the branch. */
  async versions(refs: readonly Ref[]): Promise<(string | null)[]> {
    const ids = refs.map(({ id }) => hubRefId(id, this.settings));
    const versions = new Map<string, string | null>();
    for (const { attributes } of await this.searchAll(ids, VERSION)) {
      const [version = null] = attributes.entryCSN ?? [];
      for (const refId of attributes.supannRefId ?? []) versions.set(refId, versions.has(refId) ? null : version);
    }
    return Promise.all(
      refs.map(async ({ targetId, adopted = false }, i) => {
        const known = versions.get(ids[i]!);
        if (known !== undefined || !adopted || targetId === null) return known ?? null;
        const named = await this.ldap.read(targetId, VERSION);
        return named && this.isUnclaimed(named) ? (named.attributes.entryCSN?.[0] ?? null) : null;
      }),
    );
  }

  /** The entries of the kind below the branch, whoever made them; one that carries the ids of several records comes once for each. */
  async *list(): AsyncGenerator<Listed[], void, void> {
    const { branch, structural } = this.kind;
    const filter = or(present('supannRefId'), ...structural.map((name) => equal('objectClass', name)));
    try {
      for await (const { entries } of this.ldap.list(branch, filter, this.attributes)) {
        yield entries.filter(({ dn }) => !sameDn(dn, branch)).flatMap((entry) => this.listed(entry));
      }
    } catch (error) {
      if (isNoSuchObject(error) && this.tree.isToCome(branch)) return;
      throw missingBranch(error);
    }
  }

  private listed(entry: LdapEntry): Listed[] {
    const name = this.kind.naming === 'uid' ? loginOf(entry) : undefined;
    const found = { ...toFound(this.standing(entry)), ...(name !== undefined && { name }) };
    const ids = hubIds(entry.attributes.supannRefId ?? [], this.settings);
    return ids.length === 0 ? [{ ...found, id: null, keys: this.keysOf(entry) }] : ids.map((id) => ({ ...found, id }));
  }

  /** The strong identifiers that an entry carries. */
  private keysOf({ attributes }: LdapEntry): string[] {
    const { identifying } = this.kind;
    const own = (Object.keys(identifying) as (keyof typeof identifying)[]).flatMap((attribute) =>
      (attributes[attribute] ?? []).flatMap((value) => identifying[attribute]!(value)),
    );
    return [...own, ...refIdKeys(attributes.supannRefId ?? [], this.settings)];
  }

  /** No record of the hub has it. */
  private isUnclaimed({ attributes }: LdapEntry): boolean {
    return hubIds(attributes.supannRefId ?? [], this.settings).length === 0;
  }

  private async searchAll(refIds: readonly string[], attributes: readonly string[]): Promise<LdapEntry[]> {
    const groups = Array.from({ length: Math.ceil(refIds.length / GROUP) }, (_, i) =>
      refIds.slice(i * GROUP, (i + 1) * GROUP),
    );
    return (await Promise.all(groups.map((group) => this.search(group, attributes)))).flat();
  }

  /** The entries below the branch that carry one of the ids: all of them, or it fails. */
  private async search(
    refIds: readonly string[],
    attributes: readonly string[],
    options: CallOptions = {},
  ): Promise<LdapEntry[]> {
    const filter = or(...refIds.map((refId) => equal('supannRefId', refId)));
    try {
      return await this.ldap.search(this.kind.branch, filter, { ...options, attributes });
    } catch (error) {
      if (isSizeLimit(error) && refIds.length > 1) {
        const middle = refIds.length >> 1;
        const halves = [refIds.slice(0, middle), refIds.slice(middle)];
        return (await Promise.all(halves.map((half) => this.search(half, attributes, options)))).flat();
      }
      if (isNoSuchObject(error) && this.tree.isToCome(this.kind.branch)) return [];
      throw missingBranch(error);
    }
  }

  private choose(found: readonly LdapEntry[], targetId: string | null): Standing | null | Rejected {
    const [only, another] = found;
    if (!only) return null;
    if (!another) return this.standing(only);
    const named = found.find(({ dn }) => targetId !== null && sameDn(dn, targetId));
    if (named) return this.standing(named);
    return new Rejected('several entries carry the id of this record', { attributes: ['supannRefId'] });
  }
}

/** What the runtime is told of an entry. */
export function toFound({ dn, row, etag }: Standing): Found {
  return { targetId: canonicalDn(dn), row, ...(etag !== undefined && { etag }) };
}

/** The error of an operation below the branch; a branch that is not there is fatal. */
export function missingBranch(error: unknown): unknown {
  return isNoSuchObject(error) ? new Fatal('the branch of the entry does not exist', { cause: error }) : error;
}

/** The login of an entry: that which names it, where one does. */
function loginOf({ dn, attributes }: LdapEntry): string | undefined {
  const named = parseDn(dn)[0]?.find(({ type }) => type.toLowerCase() === 'uid')?.value;
  return typeof named === 'string' ? named : attributes.uid?.[0];
}

function carries({ attributes }: LdapEntry, refId: string): boolean {
  return attributes.supannRefId?.includes(refId) ?? false;
}

function refusal(error: unknown): Rejected {
  if (error instanceof Rejected) return error;
  throw error;
}
