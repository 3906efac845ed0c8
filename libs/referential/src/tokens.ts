/** Injection token of the `ReferentialDefinition` of the process. */
export const DEFINITION = Symbol('referential definition');

/** Injection token of the `Survivorship` rules of the process. */
export const SURVIVORSHIP = Symbol('survivorship');

/** Injection token of the `KafkaClient` of the process. */
export const KAFKA = Symbol('kafka');

/** Injection token of the `RelaySignal` of the process. */
export const RELAY_SIGNAL = Symbol('relay signal');

/** Tells the relay of this process that there is something to publish. */
export interface RelaySignal {
  wake(): void;
}
