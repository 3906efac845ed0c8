import { randomBytes } from 'node:crypto';
import {
  changedAttributes,
  TargetDown,
  type Mapped,
  type Row,
  type Session,
  type Sync,
  type Written,
} from '@myelin/connector';
import type { Entity, Master } from '@myelin/contracts';
import { contextWith, type TestDirectory } from './directory.testing.js';
import { ldapConnector } from './ldap.connector.js';
import type { DirectorySettings } from './ldap.settings.js';

/** A structure that the persons of the tests may be in. */
export const unit: Master<'structure'> = {
  ...{ id: 'S1', status: 'active', code: 'UFR', type: 'S201', shortLabel: 'UFR', longLabel: 'UFR des sciences' },
};

/** A person with an id of its own. */
export const person = (rest: Partial<Master<'person'>> = {}): Master<'person'> => ({
  ...{ id: randomBytes(6).toString('hex'), status: 'active', birthName: 'Fontaine', givenNames: ['Cécile'] },
  ...rest,
});

/** What a promise rejects with. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  );

/** What a write knows beside the two rows. */
interface Circumstances {
  readonly name?: string;
  readonly etag?: string | undefined;
  readonly entity?: Entity;
}

/** The connector at work on a directory, opened before the tests and closed after them. */
export class TestConnector {
  private opened?: Session;

  constructor(
    private readonly directory: TestDirectory,
    given: () => Partial<DirectorySettings> = () => ({}),
  ) {
    beforeAll(async () => {
      this.opened = await ldapConnector({ ...directory.settings, ...given() }).open();
      await this.opened.check();
    });
    afterAll(() => this.opened?.close());
  }

  get session(): Session {
    return this.opened!;
  }

  /** Resolves when the directory answers again: the pool attempts connections at growing intervals. */
  async back(): Promise<void> {
    while ((await rejection(this.session.check())) instanceof TargetDown) continue;
  }

  sync<E extends Entity>(entity: E): Sync<E> {
    return this.session.syncs.find((one) => one.entity === entity) as unknown as Sync<E>;
  }

  /** The row of a person who gets that login. */
  map(master: Master<'person'>, name: string): Mapped {
    const references = {
      'code:UFR': { master: unit, targetId: this.directory.structure('UFR') },
      'siham:1': { master: unit, targetId: this.directory.person('Le "chef", à côté+1') },
    };
    return this.sync('person').map(master, contextWith(references, { name })) as Mapped;
  }

  write(
    id: string,
    targetId: string | null,
    before: Row | null,
    after: Row | null,
    { name, etag, entity = 'person' }: Circumstances = {},
  ): Promise<Written> {
    const changed = changedAttributes(before, after);
    const change = { id, targetId, before, after, name, etag, changed, correlationId: undefined };
    return this.sync(entity).write({ ...change, epoch: 1, revision: 1 });
  }

  async create(master: Master<'person'>, name: string): Promise<Written & { readonly row: Row }> {
    const { row } = this.map(master, name);
    return { ...(await this.write(master.id, null, null, row, { name })), row };
  }

  /** What stands, without its version. */
  async read(id: string, targetId: string | null, entity: Entity = 'person') {
    const found = await this.sync(entity).read({ id, targetId });
    return found && { targetId: found.targetId, row: found.row };
  }

  /** Some attributes of an entry, whoever they belong to. */
  async attributes(dn: string, ...names: string[]) {
    return (await this.directory.ldap.read(dn, names))?.attributes;
  }
}
