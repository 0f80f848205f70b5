import { createHash } from 'node:crypto'
import type { Order } from '../model/index.ts'

/** What makes two orders the same order. */
export type OrderIdentity = Pick<Order, 'tenant' | 'target' | 'cause' | 'level' | 'issuedMs'>

/** `c-` and 24 hex digits (96 bits): the same input plans the same id, so a batch that comes again orders nothing twice. */
export function orderId(identity: OrderIdentity): string {
  const { tenant, target, cause, level, issuedMs } = identity
  // JSON keeps the parts apart whatever characters strangers put into an agent's or a session's name.
  const parts = JSON.stringify([tenant, target.kind, target.id, target.agent ?? null, cause, level, issuedMs])
  return `c-${createHash('sha256').update(parts).digest('hex').slice(0, 24)}`
}
