import { Fatal, Rejected, TargetDown, TryLater, type Connector, type Row, type Sync } from '@myelin/connector';

/** The connector to an application that takes structures over REST. */
export function sampleConnector({ url, token }: { url: string; token: string }): Connector {
  async function call(method: string, path: string, row?: Row): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const request = { method, headers, body: row ? JSON.stringify(row) : null, signal: AbortSignal.timeout(5000) };
    const response = await fetch(url + path, request).catch((cause: unknown) => {
      throw new TargetDown('the application does not answer', { cause, unknownOutcome: method !== 'GET' });
    });
    const { ok, status } = response;
    if (ok || status === 404) return response;
    if (status === 401 || status === 403) throw new Fatal(`the application refuses our token (${status})`);
    if (status === 409 || status === 429) throw new TryLater(`the application is busy (${status})`);
    if (status >= 500) throw new TargetDown(`the application fails (${status})`, { unknownOutcome: true });
    throw new Rejected(`the application refuses the record (${status})`);
  }

  const structures: Sync<'structure'> = {
    entity: 'structure',
    version: '1',
    map: ({ status, code, longLabel }) => (status === 'active' ? { row: { code, label: longLabel } } : null),
    async read({ id }) {
      const response = await call('GET', `/structures/${id}`);
      if (response.status === 404) return null;
      const { code = null, label = null } = (await response.json()) as Row;
      return { targetId: id, row: { code, label } };
    },
    async write({ id, before, after, changed }) {
      const path = `/structures/${id}`;
      // Only what differs, so that what others have added stays.
      const patch = Object.fromEntries(changed.map((name) => [name, after?.[name] ?? null]));
      if (after === null) await call('DELETE', path);
      else if (before === null || (await call('PATCH', path, patch)).status === 404) await call('PUT', path, after);
      return { targetId: id };
    },
  };
  const check = async () => void (await call('GET', '/structures'));
  const session = { syncs: [structures], callDeadlineMs: 6000, check, close: () => Promise.resolve() };
  return { name: 'sample', open: () => Promise.resolve(session) };
}
