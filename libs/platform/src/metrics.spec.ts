import { Module } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { pino } from 'pino';
import { Counter, Gauge, openMetrics } from './metrics.js';
import { createApp } from './service.js';

/** What a Prometheus server sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3';

describe('metrics', () => {
  let app: NestExpressApplication;
  let url: string;

  beforeAll(async () => {
    @Module({})
    class Nothing {}
    new Counter({ name: 'spec_turns_total', help: 'Turns of the spec', labelNames: ['way'] }).inc({ way: 'left' }, 2);
    new Gauge({ name: 'spec_depth', help: 'Depth of the spec' }).set(7);
    app = await createApp('Metrics', Nothing, pino({ level: 'silent' }));
    await app.listen(0, '127.0.0.1');
    url = `${await app.getUrl()}/metrics`;
  });
  afterAll(() => app.close());

  const scrape = async (accept?: string) => {
    const response = await fetch(url, accept === undefined ? {} : { headers: { accept } });
    return { type: response.headers.get('content-type'), text: await response.text() };
  };

  it('are OpenMetrics for who asks for it, and Prometheus text for all others, whoever came before', async () => {
    const asked = await scrape(PROMETHEUS);
    expect(asked.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(asked.text).toBe(
      [
        '# HELP spec_turns Turns of the spec',
        '# TYPE spec_turns counter',
        'spec_turns_total{way="left"} 2',
        '# HELP spec_depth Depth of the spec',
        '# TYPE spec_depth gauge',
        'spec_depth 7',
        '# EOF',
        '',
      ].join('\n'),
    );
    for (const accept of [undefined, '*/*', 'text/plain', 'text/html,*/*;q=0.8']) {
      const { type, text } = await scrape(accept);
      expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(text).toContain('# TYPE spec_turns_total counter\nspec_turns_total{way="left"} 2\n');
      expect(text).not.toContain('# EOF');
    }
  });

  it('keep a gauge whose name ends like that of a counter', () =>
    expect(openMetrics('# HELP a_total A\n# TYPE a_total gauge\na_total 1\n')).toBe(
      '# HELP a_total A\n# TYPE a_total gauge\na_total 1\n# EOF\n',
    ));
});
