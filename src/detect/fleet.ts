import type { ToolEvent } from '../model/index.ts'
import { BoundedMap } from './fleet/bounded.ts'
import { absorb, type FleetSnapshot, snapshotOf } from './fleet/snapshot.ts'
import { TenantFleet } from './fleet/tenant.ts'
import type { SessionState } from './session/state.ts'

export type { FleetSnapshot } from './fleet/snapshot.ts'
export { FleetSnapshotError, parseFleet } from './fleet/snapshot.ts'

export interface FleetOptions {
  /** ids of the servers that the operator has registered; absent: there is no such list */
  readonly registeredServers?: readonly string[]
}

const MAX_TENANTS = 1_000
/** so many numbers may still be on their way, or were dropped by a PEP that was short of room */
const OUT_OF_ORDER = 4

/**
 * What sessions show together, by tenant: the second fold beside the sessions'. The same events in the same order on
 * the same snapshots give the same answers; all of it is bounded.
 */
export class Fleets {
  private readonly tenants = new BoundedMap<string, TenantFleet>(MAX_TENANTS)
  private readonly snapshots = new Map<string, FleetSnapshot>()
  private readonly registered: ReadonlySet<string> | undefined
  private last: { readonly tenant: string; readonly fleet: TenantFleet } | undefined

  constructor({ registeredServers }: FleetOptions = {}) {
    this.registered = registeredServers === undefined ? undefined : new Set(registeredServers)
  }

  /** Folds the event of this session (entered already); what is returned holds until the next event. */
  enter(event: ToolEvent, session: SessionState): TenantFleet {
    const fleet = this.of(event.tenant)
    const { seq } = event.data
    return fleet.enter(
      event,
      session.firstOfCall,
      seq === undefined ? 0 : this.missing(fleet, event.source, session, seq),
    )
  }

  /** History vouches for what the snapshot holds, beside what was seen here. */
  absorb(snapshot: FleetSnapshot): void {
    this.snapshots.set(snapshot.tenant, snapshot)
    const live = this.tenants.get(snapshot.tenant)
    if (live !== undefined) absorb(live, snapshot)
  }

  snapshot(tenant: string, head: Pick<FleetSnapshot, 'sessions' | 'days' | 'fromMs' | 'toMs'>): FleetSnapshot {
    return snapshotOf(this.of(tenant), tenant, head)
  }

  private of(tenant: string): TenantFleet {
    if (this.last?.tenant === tenant) return this.last.fleet
    const fleet = this.tenants.get(tenant) ?? this.make(tenant)
    this.last = { tenant, fleet }
    return fleet
  }

  private make(tenant: string): TenantFleet {
    const fleet = this.tenants.set(tenant, new TenantFleet(this.registered))
    const snapshot = this.snapshots.get(tenant)
    if (snapshot !== undefined) absorb(fleet, snapshot)
    return fleet
  }

  /** Events that the PEP has counted and that never came; told when later ones have overtaken them for good. */
  private missing(fleet: TenantFleet, source: string, session: SessionState, seq: number): number {
    const { numbers } = session
    if (numbers === undefined) {
      session.numbers = { first: seq, highest: seq, seen: 1, told: 0 }
      fleet.peps.opens(source, seq)
      return 0
    }
    numbers.seen++
    if (seq < numbers.first) numbers.first = seq
    if (seq <= numbers.highest) return 0
    numbers.highest = seq
    const missing = seq - numbers.first + 1 - numbers.seen - numbers.told
    if (missing <= OUT_OF_ORDER || !fleet.peps.numbersBySession(source)) return 0
    numbers.told += missing
    return missing
  }
}
