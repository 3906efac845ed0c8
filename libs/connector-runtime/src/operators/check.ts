import type { Connector, Session } from '@myelin/connector';
import { SettingsFault } from '@myelin/platform';
import type { ConnectorSettings } from '../connector-runtime.settings.js';
import { overlayInForce } from '../custom/overlay.js';
import { consequenceOf } from '../work/outcome.js';
import type { Check } from './control.views.js';

/** Whether the settings are right, as far as they can be judged, and apart from that whether the target answers as it must. */
export async function checkOf(session: Pick<Session, 'check'>): Promise<Check> {
  try {
    await session.check();
    return { settings: { ok: true }, target: { ok: true } };
  } catch (error) {
    const detail = (error as Error).message;
    const consequence = consequenceOf(error, 0);
    // Malformed settings end the process when it starts; what a person must change in others, only the target can tell.
    return consequence.then === 'pause' && consequence.fatal
      ? { settings: { ok: false, detail }, target: { ok: false, problem: 'settings or credentials', detail } }
      : { settings: { ok: true }, target: { ok: false, problem: 'reachability', detail } };
  }
}

/** Checks a connector that does not run, tells it in two lines, and answers the code to leave with. */
export async function checkAndTell(connector: Connector, given: Pick<ConnectorSettings, 'OVERLAY'>): Promise<number> {
  const session = await connector.open();
  const fault = overlayFault(session, given);
  const { settings, target } = await checkOf(session);
  await session.close();
  const line = (name: string, { ok, detail }: { ok: boolean; detail?: string }) =>
    process.stdout.write(`${name}: ${ok ? 'ok' : detail}\n`);
  line('settings', fault === undefined ? settings : { ok: false, detail: fault });
  line('target', target);
  return settings.ok && target.ok && fault === undefined ? 0 : 1;
}

/** Why the connector does not take the overlay; undefined when it does. */
function overlayFault(session: Session, settings: Pick<ConnectorSettings, 'OVERLAY'>): string | undefined {
  try {
    overlayInForce(session, settings);
    return undefined;
  } catch (error) {
    if (error instanceof SettingsFault) return error.faults.join('; ');
    throw error;
  }
}
