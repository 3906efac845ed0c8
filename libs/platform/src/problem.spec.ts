import { ConflictException, Controller, Get, HttpException, Module, Param } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { PROBLEM_TYPES, type ProblemType } from '@myelin/contracts';
import { pino } from 'pino';
import { briefly, ProblemError } from './problem.js';
import { createApp } from './service.js';

const withCode = (code: string) => Object.assign(new Error('an error with values of a person'), { code });

/** What is thrown, by the name under which a test asks for it. */
const THROWN: Record<string, unknown> = {
  ...Object.fromEntries(Object.keys(PROBLEM_TYPES).map((type) => [type, new ProblemError(type as ProblemType, 'why')])),
  'with fields': new ProblemError('invalid-document', 'why', {
    errors: [{ field: 'birth.date', message: 'is wrong' }],
  }),
  wrapped: Object.assign(new Error('parser', { cause: new ProblemError('malformed-request', 'why') }), { status: 403 }),
  teapot: new HttpException('short and stout', 418),
  nest: new ConflictException('nest'),
  'bad gateway': new HttpException('secret of another server', 502),
  'body parser': Object.assign(new Error('request aborted'), { status: 400 }),
  ECONNREFUSED: withCode('ECONNREFUSED'),
  '57P01': withCode('57P01'),
  'wrapped by the driver': new Error('query failed', { cause: withCode('ECONNRESET') }),
  'pool is empty': new Error('timeout exceeded when trying to connect'),
  '23505': withCode('23505'),
  bug: new TypeError('an error with values of a person'),
  text: 'values of a person',
  nothing: undefined,
};

@Controller()
class Thrower {
  @Get('throw/:name')
  fail(@Param('name') name: string): never {
    throw THROWN[name];
  }
}

@Module({ controllers: [Thrower] })
class ThrowerModule {}

describe('whatever is thrown', () => {
  const lines: string[] = [];
  let app: NestExpressApplication;
  beforeAll(async () => {
    app = await createApp('Spec', ThrowerModule, pino({}, { write: (line: string) => void lines.push(line) }));
    await app.listen(0, '127.0.0.1');
  });
  beforeEach(() => void lines.splice(0));
  afterAll(() => app.close());

  const ask = async (name: string) => {
    const response = await fetch(`${await app.getUrl()}/throw/${name}`, { headers: { 'x-correlation-id': 'c-1' } });
    return { status: response.status, headers: response.headers, body: (await response.json()) as object };
  };
  const errors = () => lines.map((line) => JSON.parse(line) as { level: number }).filter(({ level }) => level >= 50);

  it.each(Object.entries(PROBLEM_TYPES))(
    '%s is a problem document with its status and title',
    async (type, { status, title }) => {
      const { headers, ...answer } = await ask(type);
      expect(answer).toEqual({
        status,
        body: {
          type: `urn:myelin:problem:${type}`,
          title,
          status,
          ...(type === 'internal' ? {} : { detail: 'why' }),
          correlationId: 'c-1',
        },
      });
      expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      expect(headers.get('retry-after')).toBe(status === 503 ? '5' : null);
    },
  );

  it.each([
    ['with fields', 422, { errors: [{ field: 'birth.date', message: 'is wrong' }] }],
    ['wrapped', 400, { type: 'urn:myelin:problem:malformed-request', detail: 'why' }],
    ['teapot', 400, { type: 'urn:myelin:problem:malformed-request', detail: 'short and stout' }],
    ['body parser', 400, { type: 'urn:myelin:problem:malformed-request' }],
    ['bad gateway', 500, { type: 'urn:myelin:problem:internal' }],
    ['ECONNREFUSED', 503, { type: 'urn:myelin:problem:unavailable' }],
    ['57P01', 503, { type: 'urn:myelin:problem:unavailable' }],
    ['wrapped by the driver', 503, { type: 'urn:myelin:problem:unavailable' }],
    ['pool is empty', 503, { type: 'urn:myelin:problem:unavailable' }],
    ['23505', 500, { type: 'urn:myelin:problem:internal' }],
    ['bug', 500, { type: 'urn:myelin:problem:internal' }],
    ['text', 500, { type: 'urn:myelin:problem:internal' }],
    ['nothing', 500, { type: 'urn:myelin:problem:internal' }],
  ])('(%s) answers %i', async (name, status, body) => expect(await ask(name)).toMatchObject({ status, body }));

  it('shows nothing of a failure of the service to the caller, and tells the operator once', async () => {
    for (const name of ['bug', 'text', '23505', 'bad gateway']) {
      lines.splice(0);
      expect(JSON.stringify((await ask(name)).body)).not.toMatch(/person|secret/);
      expect(errors()).toMatchObject([{ msg: 'The service failed', correlationId: 'c-1', route: '/throw/:name' }]);
    }
  });

  it('does not call a fault of the caller an error', async () => {
    await ask('with fields');
    expect(errors()).toEqual([]);
  });
});

describe('briefly', () => {
  it('says what kind of error it is and where, in a few lines', () => {
    const said = briefly(withCode('23505'));
    expect(said).toMatchObject({ type: 'Error', code: '23505' });
    expect(String(said.stack).split('\n').length).toBeLessThanOrEqual(5);
  });

  it('cuts long messages, and says nothing of what is no error', () => {
    expect(String(briefly(new Error('x'.repeat(5000))).message).length).toBeLessThanOrEqual(300);
    expect(briefly('values of a person')).toEqual({ message: 'string' });
  });

  it('never passes on the parameters of a statement', () =>
    expect(
      JSON.stringify(briefly(Object.assign(new Error('failed'), { parameters: ['Dupré'], detail: 'Dupré' }))),
    ).not.toContain('Dupré'));

  it('takes no line of a message for one of the stack', () =>
    expect(String(briefly(new Error('first\nsecond\nthird')).stack)).not.toMatch(/second|third/));
});
