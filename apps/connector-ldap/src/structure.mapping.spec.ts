import { Rejected, type Mapped } from '@myelin/connector';
import type { Master, Status } from '@myelin/contracts';
import { contextWith } from './directory.testing.js';
import { directorySettings } from './ldap.settings.js';
import { mapStructure, structureReferences } from './structure.mapping.js';

const settings = directorySettings({
  ...{ url: '', bindDn: '', password: '', baseDn: 'dc=univ-exemple,dc=fr' },
  ...{ homeEstablishment: '0999001W', eppnScope: 'univ-exemple.fr' },
});
const structure = (rest: Partial<Master<'structure'>> = {}): Master<'structure'> => ({
  ...{ id: 'S1', status: 'active', code: 'UFR', type: 'S201', shortLabel: 'UFR', longLabel: 'UFR des sciences' },
  ...rest,
});
const parent = { master: structure({ code: 'UEX' }), targetId: 'supannCodeEntite=UEX,dc=x' };
const context = contextWith({ 'code:UEX': parent, 'code:UFR': { master: structure(), targetId: 'x=y' } });
const map = (rest: Partial<Master<'structure'>>) => mapStructure(structure(rest), context, settings)!;
const values = ({ row }: Mapped, attribute: string) => row[attribute] ?? [];

describe('a structure', () => {
  it('is a unit unless it has a type of the first level and a UAI', () => {
    const identifiers = [{ scheme: 'uai', value: '0751717J' }];
    expect(map({ identifiers }).row.objectClass).toEqual(['organizationalUnit', 'supannEntite']);
    expect(map({ type: 'S102' }).row.objectClass).toEqual(['organizationalUnit', 'supannEntite']);
    const establishment = map({ type: 'S102', identifiers, contacts: [{ kind: 'website', value: 'https://x.fr' }] });
    expect(establishment.row).toMatchObject({
      objectClass: ['eduOrg', 'organization', 'supannEntite', 'supannOrg'],
      o: ['UFR'],
      eduOrgLegalName: ['UFR des sciences'],
      eduOrgHomePageURI: ['https://x.fr'],
      supannEtablissement: ['{UAI}0751717J'],
    });
    expect(establishment.row.labeledURI).toBeUndefined();
  });

  it('names the parents that are valid and in the directory, never itself', () => {
    const link = (code: string, to?: string) => ({ kind: 'hierarchy' as const, structure: `code:${code}`, to });
    const parents = [link('UEX'), link('UEX'), link('UFR'), link('ABSENT')];
    expect(values(map({ parents }), 'supannCodeEntiteParent')).toEqual(['UEX']);
    expect(values(map({ parents: [link('UEX', '2026-10-14')] }), 'supannCodeEntiteParent')).toEqual([]);
    expect(map({ parents: [link('UEX', '2026-10-20')] }).validUntil).toBe('2026-10-21');
    expect(structureReferences(structure({ parents }))).toHaveLength(3);
    expect(structureReferences(structure({ parents })).some(({ required }) => required)).toBe(false);
  });

  it('labels national registries alone, others and unknown types under the establishment', () => {
    const identifiers = [
      ...[
        ['rnsr', '209999901A'],
        ['idref', '026388278'],
        ['ror', '02en5vm52'],
        ['x-other', '1'],
        ['code', 'UFR'],
      ].map(([scheme, value]) => ({ scheme: scheme!, value: value! })),
    ];
    const result = map({ identifiers, type: 'ANTENNE' });
    expect(values(result, 'supannRefId')).toEqual([
      '{IDREF}026388278',
      '{RNSR}209999901A',
      '{UAI:0999001W:HUB}S1',
      '{UAI:0999001W:ROR}02en5vm52',
    ]);
    expect(values(result, 'supannTypeEntite')).toEqual(['{UAI:0999001W}ANTENNE']);
  });

  it.each<[Status, boolean]>([
    ['active', true],
    ['inactive', true],
    ['merged', false],
    ['deleted', false],
    ['erased', false],
  ])('that is %s stands in the directory: %s', (status, stands) => {
    expect(mapStructure(structure({ status }), context, settings) !== null).toBe(stands);
  });

  it.each(['a b', 'é', 'a,b', '['])('cannot have the code %j', (code) => {
    expect(() => map({ code })).toThrow(Rejected);
  });
});
