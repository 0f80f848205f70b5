import type { Lease, Level, Order, Target } from '../model/index.ts'
import { LEVELS } from '../model/index.ts'
import { orderId } from './order-id.ts'
import type { Placement } from './placement.ts'
import type { Routes } from './routes.ts'

/** What goes further than a containment that does not hold its target: the next rung, or the next adapter. */
export class Escalation {
  private readonly placement: Placement
  private readonly routes: Routes
  private readonly allowed: ReadonlySet<Level>

  constructor(placement: Placement, routes: Routes, allowed: ReadonlySet<Level>) {
    this.placement = placement
    this.routes = routes
    this.allowed = allowed
  }

  /**
   * Orders it; false when there is nothing further. What nobody took goes to the next adapter before it gets more
   * severe; what was taken and does not hold, to the next rung. Safe to repeat: the same lease gives the same order.
   */
  async after(lease: Lease, failed: 'not_taken' | 'ineffective', why: string): Promise<boolean> {
    const order = this.next(lease, failed, why)
    if (order === undefined) return false
    await this.placement.place([order])
    return true
  }

  private next({ order }: Lease, failed: 'not_taken' | 'ineffective', why: string): Order | undefined {
    if (order.mode === 'monitor') return undefined
    const above = nextRungFor(order.target, order.level, this.allowed)
    // A rung is not repeated to who does not obey it, but told to those who have not heard of it.
    const same = order.follows === undefined && this.routes.hasFurther(order) ? order.level : undefined
    const level = failed === 'not_taken' ? (same ?? above) : (above ?? same)
    if (level === undefined) return undefined
    const { tenant, target, issuedMs } = order
    const id = orderId({ tenant, target, cause: `after ${order.id}`, level, issuedMs })
    return { ...order, id, level, follows: order.id, reason: `${order.level} did not hold (${why}): ${order.reason}` }
  }
}

/** The next allowed rung that can be aimed at the target: a quarantine needs a tool, and for a tool it is the last. */
export function nextRungFor(target: Target, level: Level, allowed: ReadonlySet<Level>): Level | undefined {
  const isTool = target.kind === 'tool'
  return LEVELS.slice(LEVELS.indexOf(level) + 1).find(
    (rung) => allowed.has(rung) && (rung === 'quarantine_tool' ? isTool : !isTool || rung !== 'suspend_session'),
  )
}
