/**
 * A hook did not give what a record must be enriched with. `wait`: the record is tried again after a while; `park`: it stays aside;
 * `return`: no call could begin for it in its batch, and it is taken again at once. The message holds no value of a record.
 */
export class HookFailed extends Error {
  override readonly name = 'HookFailed';

  constructor(
    message: string,
    readonly then: 'wait' | 'park' | 'return',
  ) {
    super(message);
  }
}
