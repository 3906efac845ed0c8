import { conformance, isHttpWrite, TcpLine } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { sampleConnector } from './sample.connector.js';
import { SampleTarget } from './sample.target.testing.js';

const target = new SampleTarget();
beforeAll(() => target.start());
afterAll(() => target.stop());

const structure: Master<'structure'> = {
  id: '01938c5e-0000-7000-8000-000000000011',
  status: 'active',
  code: 'LIEX',
  shortLabel: 'LIEX',
  longLabel: 'Laboratoire d’informatique d’Exempleville',
  type: 'S203',
};

conformance('sample', {
  entity: 'structure',
  lacks: ['renaming', 'closing', 'removal', 'rules', 'versions', 'listing'],
  connector: (url = target.url) => sampleConnector({ url, token: target.token }),
  line: new TcpLine(() => target.url, isHttpWrite),
  unreachable: () => sampleConnector({ url: 'http://127.0.0.1:9', token: target.token }),
  context: { today: '2026-11-27', name: undefined, reference: () => undefined },
  masters: { base: structure, changed: { ...structure, longLabel: 'Laboratoire des données d’Exempleville' } },
  spoil: (row) => ({ ...row, label: 'x'.repeat(201) }),
  mark: (id) => Promise.resolve(String(target.structures.get(id)?.version)),
  count: () => Promise.resolve(target.structures.size),
  decorate: (id) => {
    Object.assign(target.structures.get(id)!.fields, { colour: 'blue' });
    return Promise.resolve((now) => Promise.resolve(target.structures.get(now)?.fields.colour === 'blue'));
  },
});
