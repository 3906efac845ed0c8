import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conformance, TcpLine } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { chaosConnector } from './connector.js';
import { Target } from './target.js';

const structure: Master<'structure'> = {
  id: '01938c5e-0000-7000-8000-000000000011',
  status: 'active',
  code: 'LIEX',
  shortLabel: 'LIEX',
  longLabel: 'Laboratoire d’informatique d’Exempleville',
  type: 'S203',
};

describe.each([false, true])('with If-Match: %s', (ifMatch) => {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  let target: Target;
  beforeAll(async () => {
    target = await Target.start({ log: join(folder, 'log'), seed: 1, ifMatch });
  });
  afterAll(async () => {
    await target.stop();
    rmSync(folder, { recursive: true });
  });

  conformance('chaos', {
    entity: 'structure',
    lacks: ['renaming', 'closing', 'removal', 'versions', 'listing', 'others'],
    connector: (url = target.url) => chaosConnector({ url, ifMatch }),
    line: new TcpLine(
      () => target.url,
      (sent) => /^(PUT|PATCH|DELETE) /.test(sent.toString('latin1', 0, 8)),
    ),
    unreachable: () => chaosConnector({ url: 'http://127.0.0.1:2', ifMatch }),
    context: { today: '2026-11-24', name: undefined, reference: () => undefined },
    masters: { base: structure, changed: { ...structure, longLabel: 'Laboratoire des informatiques' } },
    spoil: (row) => ({ ...row, type: '' }),
    mark: (targetId) => Promise.resolve(String(target.version('structure', targetId))),
    count: () => Promise.resolve(target.size),
  });

  it('reads several rows at once, in the order asked for', async () => {
    const session = await chaosConnector({ url: target.url, ifMatch }).open();
    const [sync] = session.syncs;
    const change = { id: structure.id, epoch: 1, revision: 1, targetId: null, before: null, etag: undefined };
    const after = { code: 'A', label: 'A', name: 'A', type: 'S203' };
    await sync?.write({ ...change, after, changed: Object.keys(after), name: undefined, correlationId: undefined });
    const absent = '01938c5e-0000-7000-8000-000000000012';
    const found = await sync?.readMany?.([absent, structure.id].map((id) => ({ id, targetId: null })));
    expect(found).toEqual([null, expect.objectContaining({ targetId: structure.id, row: after })]);
  });
});
