import type { Filter } from './filter';
import { contentOf, decodeEntry, encodeFilter, encodeSelection } from './ldap.ber';
import type { WireControl, WireEntry } from './ldap.wire';

/** Assertion control (RFC 4528): the operation is carried out only on an entry that matches, else it fails with 122. */
export const ASSERTION = '1.3.6.1.1.12';
/** Post-read control (RFC 4527): the answer brings attributes of the entry as the operation left it. */
const POST_READ = '1.3.6.1.1.13.2';

/** Asks that the entry match the filter; a server without the control refuses the operation (12). */
export function assertion(filter: Filter): WireControl {
  return { type: ASSERTION, critical: true, value: encodeFilter(filter) };
}

/** Asks for attributes of the entry after the operation; a server without the control leaves them out. */
export function postRead(attributes: readonly string[]): WireControl {
  return { type: POST_READ, critical: false, value: encodeSelection(attributes) };
}

/** The entry after the operation, where the server has told it. */
export function entryAfter(controls: readonly WireControl[]): WireEntry | undefined {
  const answer = controls.find(({ type }) => type === POST_READ);
  return answer && decodeEntry(contentOf(answer.value), () => false);
}
