import { correctRequestQueue } from './request-queue.js';

describe('correctRequestQueue', () => {
  it('knows the installed kafkajs, and may be called again', () => {
    expect(correctRequestQueue()).toBe(true);
    expect(correctRequestQueue()).toBe(true);
  });
});
