import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { readAddresses, REFERENTIALS, type Addresses, type Referential } from './addresses.js';
import { usage } from './failure.js';
import { Output } from './output.js';

/** Options that every command has. */
interface Common {
  readonly config?: string;
  readonly connector?: string;
  readonly author?: string;
  readonly json?: boolean;
}

/** What a command works with: where the services are, who orders, and how to answer. */
export class Context {
  readonly output: Output;
  private readonly common: Common;
  private known: Addresses | undefined;

  /** `connector`: the one that the command itself names. */
  constructor(command: Command, connector?: string) {
    this.common = { ...command.optsWithGlobals<Common>(), ...(connector !== undefined && { connector }) };
    this.output = new Output(this.common.json === true);
  }

  get addresses(): Addresses {
    return (this.known ??= readAddresses(this.common.config));
  }

  /** Who orders: named in the trail of what operators did. */
  get author(): string {
    return this.common.author ?? userInfo().username;
  }

  /** The address of the connector that is meant: the one that is named, or the only one. */
  get connector(): string {
    const { connectors } = this.addresses;
    const names = Object.keys(connectors);
    const name = this.common.connector ?? (names.length === 1 ? names[0]! : undefined);
    if (name === undefined)
      throw usage(`say which connector with --connector: ${names.join(', ') || 'none has an address'}`);
    return connectors[name] ?? missing(`a connector ${name}`, names);
  }

  /** The address of the service that knows where each change is. */
  get deliveries(): string {
    return this.addresses.deliveries ?? missing('deliveries', []);
  }

  /** The records of a referential: `person` stands for `…/persons`. */
  referential(name: string): { url: string; records: string } {
    const { referentials } = this.addresses;
    if (!Object.hasOwn(REFERENTIALS, name)) throw usage(`${name} is none of ${Object.keys(REFERENTIALS).join(', ')}`);
    const url = referentials[name as Referential] ?? missing(`the referential ${name}`, Object.keys(referentials));
    return { url, records: `${url}/${REFERENTIALS[name as Referential]}` };
  }
}

function missing(what: string, known: readonly string[]): never {
  throw usage(
    `the file of addresses has no address of ${what}${known.length > 0 ? ` (it has ${known.join(', ')})` : ''}`,
  );
}
