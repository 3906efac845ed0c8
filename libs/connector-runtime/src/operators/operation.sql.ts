import type { EntityManager } from 'typeorm';

/** Keeps what an operator did, who it was and why. */
export async function operate(
  manager: EntityManager,
  action: string,
  order: { readonly author: string; readonly reason?: string | undefined },
  detail: object = {},
): Promise<void> {
  await manager.query(`insert into operation (author, action, reason, detail) values ($1, $2, $3, $4)`, [
    order.author,
    action,
    order.reason ?? null,
    JSON.stringify(detail),
  ]);
}
