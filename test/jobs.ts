import { until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';

/** A resynchronisation as the connector shows it. */
export interface JobView {
  id: string;
  kind: string;
  status: string;
  planHash: string | null;
  failure: string | null;
  endedAt: string | null;
  plan: {
    total: number | null;
    unchanged: number | null;
    actions: { entity: string; action: string; count: number }[];
  };
  progress: { done: number; outcomes: Record<string, number> };
}

/** One entity of a job. */
export interface JobItem {
  entity: string;
  id: string;
  action: string;
  outcome: string | null;
}

/** Orders something of a connector, as an operator. */
export const order = <T = JobView>(connector: Service, path: string, body: object = {}): Promise<T> =>
  call<T>('POST', `${connector.url}/${path}`, { author: 'olga', ...body });

/** Asks for a resynchronisation. */
export const resync = (connector: Service, body: object): Promise<JobView> => order(connector, 'resyncs', body);

export const readJob = ({ url }: Service, { id }: { id: string }) => call<JobView>('GET', `${url}/resyncs/${id}`);

/** Waits until a job is as wanted, and answers it. */
export async function jobWhen(
  connector: Service,
  job: { id: string },
  wanted: string | ((view: JobView) => boolean),
): Promise<JobView> {
  let view: JobView | undefined;
  const holds = (one: JobView) => (typeof wanted === 'string' ? one.status === wanted : wanted(one));
  await until(
    `job ${job.id} should become ${typeof wanted === 'string' ? wanted : 'as wanted'}`,
    async () => holds((view = await readJob(connector, job))),
    { deadlineMs: 120_000, everyMs: 50 },
  ).catch((error: Error) => {
    throw new Error(`${error.message}${JSON.stringify(view)}`);
  });
  return view as JobView;
}

/** All entities of a job, or those with that outcome. */
export async function itemsOf({ url }: Service, { id }: { id: string }, outcome?: string): Promise<JobItem[]> {
  const all: JobItem[] = [];
  let next: string | null = null;
  do {
    const query = new URLSearchParams({
      ...(outcome !== undefined && { outcome }),
      ...(next !== null && { after: next }),
    });
    const page: { items: JobItem[]; next: string | null } = await call(
      'GET',
      `${url}/resyncs/${id}/items?${query.toString()}`,
    );
    all.push(...page.items);
    next = page.next;
  } while (next !== null);
  return all;
}

/** A line of the report of a reconciliation. */
export interface FindingView {
  entity: string;
  finding: string;
  id: string | null;
  targetId?: string;
}

/** Everything that a job has found in the target, from its file. */
export async function reportOf({ url }: Service, { id }: { id: string }): Promise<FindingView[]> {
  const text = await (await fetch(`${url}/resyncs/${id}/report`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FindingView);
}
