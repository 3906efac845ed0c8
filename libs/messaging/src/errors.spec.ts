import { isFenced, isTopicMissing } from './errors.js';

const typed = (type: string, message = '') => Object.assign(new Error(message), { type });

describe('isFenced', () => {
  it.each([
    ['on the error itself', typed('INVALID_PRODUCER_EPOCH')],
    ['in its cause', new Error('retries exceeded', { cause: typed('INVALID_PRODUCER_EPOCH') })],
    ['in its original error', Object.assign(new Error(), { originalError: typed('PRODUCER_FENCED') })],
    ['among several', Object.assign(new Error(), { errors: [new Error(), typed('PRODUCER_FENCED')] })],
    ['by a code that kafkajs does not know', typed('KAFKAJS_UNKNOWN_ERROR_CODE', 'Unknown error code 90')],
  ])('sees the fence %s', (_, error) => expect(isFenced(error)).toBe(true));

  it('leaves other failures to be repeated', () => {
    expect(isFenced(typed('OUT_OF_ORDER_SEQUENCE_NUMBER'))).toBe(false);
    expect(isFenced(typed('INVALID_PRODUCER_ID_MAPPING'))).toBe(false);
    expect(isFenced(undefined)).toBe(false);
  });

  it('ends on causes that go in a circle', () => {
    const error = new Error('a');
    error.cause = error;
    expect(isFenced(error)).toBe(false);
    expect(isTopicMissing(error)).toBe(false);
  });
});
