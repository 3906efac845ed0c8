import { Module } from '@nestjs/common';
import { pino } from 'pino';
import { Health, type HealthReport } from './health.js';
import { createApp } from './service.js';

describe('health', () => {
  const health = (checks: Record<string, () => HealthReport | Promise<HealthReport>>) => {
    const all = new Health();
    for (const [name, check] of Object.entries(checks)) all.register(name, check);
    return all.report();
  };
  const is = (status: HealthReport['status']) => () => ({ status });

  it('is ok when nothing is to be checked', async () => expect(await health({})).toEqual({ status: 'ok', checks: {} }));

  it.each([
    ['ok', ['ok', 'ok']],
    ['degraded', ['ok', 'degraded']],
    ['down', ['degraded', 'down', 'ok']],
  ] as const)('is %s, the worst of %j', async (status, all) => {
    const report = await health(Object.fromEntries(all.map((one, n) => [`c${n}`, is(one)])));
    expect(report.status).toBe(status);
    expect(Object.values(report.checks)).toEqual(all.map((one) => ({ status: one })));
  });

  it('is degraded, not down, when a check fails', async () =>
    expect(await health({ a: () => Promise.reject(new Error('refused')), b: is('ok') })).toEqual({
      status: 'degraded',
      checks: { a: { status: 'degraded', detail: 'refused' }, b: { status: 'ok' } },
    }));

  it('does not wait for a check that does not answer', async () => {
    jest.useFakeTimers();
    try {
      const report = health({ a: () => new Promise(() => undefined) });
      await jest.advanceTimersByTimeAsync(2000);
      expect(await report).toMatchObject({ status: 'degraded', checks: { a: { detail: 'no answer within 2 s' } } });
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('GET /health', () => {
  @Module({})
  class EmptyModule {}

  it.each([
    ['ok', 200],
    ['degraded', 200],
    ['down', 503],
  ] as const)('of a process that is %s answers %i', async (status, code) => {
    const app = await createApp('Spec', EmptyModule, pino({ level: 'silent' }));
    app.get(Health).register('a', () => ({ status }));
    await app.listen(0, '127.0.0.1');
    const response = await fetch(`${await app.getUrl()}/health`);
    expect([response.status, await response.json()]).toEqual([
      code,
      { version: expect.stringMatching(/^\d+\.\d+\.\d+/), status, checks: { a: { status } } },
    ]);
    await app.close();
  });
});
