import type { Removal, Row } from '@myelin/connector';
import type { DirectorySettings } from './ldap.settings.js';
import { PERSON_CLASSES } from './person.mapping.js';
import { labelOf } from './ref-ids.js';
import { EntryDraft } from './supann/draft.js';
import { writeState } from './person.state.js';

/** What remains of a suspended person: who it was, so that nobody else gets the name and a return finds the entry again. */
const KEPT = [
  'rdn',
  'objectClass',
  'uid',
  'eduPersonPrincipalName',
  'sn',
  'givenName',
  'displayName',
  'cn',
  'supannCivilite',
  'supannListeRouge',
];

/**
 * How a person leaves the directory: by the last state before deletion in SupAnn's lifecycle (I:SupannSupprCompte), without
 * role, contact or identifier of its own, as a deleted record is mapped.
 */
export function personRemoval(settings: DirectorySettings): Removal {
  const draft = new EntryDraft();
  writeState(draft, { state: 'I:SupannSupprCompte' }, settings);
  draft.add('supannEtablissement', `{UAI}${settings.homeEstablishment}`, 'roles');
  const { rdn: _, objectClass: __, ...closed } = draft.mapped('', [], undefined).row;
  return {
    graceDays: settings.removalGraceDays,
    suspend(row: Row): Row {
      const kept = Object.fromEntries(Object.entries(row).filter(([name]) => KEPT.includes(name)));
      const hubIds = ((row.supannRefId ?? []) as readonly string[]).filter((id) => labelOf(id) === settings.hubLabel);
      // Without the classes of an overlay, which may require what is not kept.
      return { ...kept, ...closed, objectClass: [...PERSON_CLASSES].sort(), supannRefId: hubIds };
    },
  };
}
