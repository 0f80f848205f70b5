import { effectOfName, type Lease, type Observation, roleOf, type ToolEvent } from '../model/index.ts'
import { isFinal } from './lease.ts'
import type { PostureQuery } from './posture.ts'
import { DECISION_TTL_S } from './wire.ts'

/** A call that began later than this after the acknowledgement must have been held (contract b.5). */
const GRACE_MS = DECISION_TTL_S * 1_000 + 1_000
/** Calls whose beginning is remembered; of older ones the response says how long they took, or does not. */
const MAX_CALLS = 10_000

export interface WatchParts {
  /** enforced leases that PEPs know of, the one that applies first */
  covering(query: PostureQuery): readonly Lease[]
  /** a lease by its order's id, also one that has ended, as far as it is remembered */
  recall(orderId: string): Lease | undefined
  /** the operator's list, as `server/tool` or `tool`: what `restrict_read_only` lets through */
  readonly readOnlyTools: ReadonlySet<string>
}

/**
 * Watches the stream for whether containments hold: a fold over events in their order and the leases that are known,
 * with no clock. A gateway's acknowledgement is not proof: only a refused call of the target is, and one that began
 * after the grace and succeeded proves the contrary.
 */
export class EffectivenessWatch {
  private readonly parts: WatchParts
  private readonly begun = new Map<string, number>()
  private readonly held = new Set<string>()

  constructor(parts: WatchParts) {
    this.parts = parts
  }

  see(events: readonly ToolEvent[]): readonly Observation[] {
    return events.flatMap((event) => this.seeOne(event))
  }

  private seeOne(event: ToolEvent): readonly Observation[] {
    const { decision } = event.data
    if (decision?.enforced === true && decision.id !== undefined) {
      const held = this.stillHeld(event, this.parts.recall(decision.id))
      if (held !== undefined) return [held]
    }
    const leases = this.parts.covering(queryOf(event))
    if (leases.length === 0) return NOTHING
    const began = this.beginning(event)
    const { data } = event
    if (data.decision?.enforced === true || data.result?.status === 'denied') return refused(event, leases)
    if (data.phase !== 'response' || data.result?.status !== 'ok' || !CALLS.has(data.op)) return NOTHING
    return leases
      .filter((lease) => lease.state !== 'ineffective' && this.violates(event, lease, began))
      .map((lease) => observed(event, lease, 'ineffective', `${toolOf(event)} succeeded ${since(lease, began)}`))
  }

  /** A call that a containment refused which had ended by then, told once each. Clocks are borne as everywhere here. */
  private stillHeld(event: ToolEvent, lease: Lease | undefined): Observation | undefined {
    if (lease === undefined || !isFinal(lease.state) || lease.order.tenant !== event.tenant) return undefined
    const { id } = lease.order
    if (this.held.has(id) || Math.min(event.timeMs, event.receivedMs) <= lease.updatedMs + GRACE_MS) return undefined
    this.held.add(id)
    const [oldest] = this.held
    if (this.held.size > MAX_CALLS && oldest !== undefined) this.held.delete(oldest)
    return observed(event, lease, 'still_held', `${toolOf(event)} was refused by it after it was ${lease.state}`)
  }

  /**
   * When the call began, at the earliest that the clocks allow: a PEP whose clock is ahead, an event that was sent
   * late, or a long call must not look like one that began under the containment.
   */
  private beginning({ data, tenant, timeMs, receivedMs }: ToolEvent): number {
    const seenMs = Math.min(timeMs, receivedMs)
    const key = `${tenant}\u001f${data.agent.id}\u001f${data.call_id}`
    if (data.phase === 'request') {
      this.begun.set(key, seenMs)
      const [oldest] = this.begun.keys()
      if (this.begun.size > MAX_CALLS && oldest !== undefined) this.begun.delete(oldest)
      return seenMs
    }
    const requestedMs = this.begun.get(key) ?? Number.POSITIVE_INFINITY
    this.begun.delete(key)
    return Math.min(requestedMs, seenMs - (data.result?.duration_ms ?? 0))
  }

  private violates(event: ToolEvent, lease: Lease, beganMs: number): boolean {
    const knownMs = knownSince(event, lease)
    if (knownMs === undefined || beganMs <= knownMs + GRACE_MS || beganMs >= lease.order.expiresMs) return false
    switch (lease.order.level) {
      case 'monitor':
        return false
      case 'require_step_up':
        return event.data.auth?.outcome !== 'step_up_ok'
      case 'restrict_read_only':
        return this.mayWrite(event)
      case 'quarantine_tool':
      case 'suspend_session':
        return true
    }
  }

  /** Where neither list nor annotation says so, a tool that reads by its name is left alone: the PEP may know a hint. */
  private mayWrite({ data }: ToolEvent): boolean {
    const { tool, server } = data
    if (data.op !== 'tools/call' || tool === undefined) return false
    const { readOnlyTools } = this.parts
    if (readOnlyTools.has(tool.name) || readOnlyTools.has(`${server.id}/${tool.name}`)) return false
    const hint = tool.annotations?.readOnlyHint
    return hint === undefined ? effectOfName(tool.name) !== 'read' : !hint
  }
}

const NOTHING: readonly Observation[] = []
/** What a containment holds back; a suspended session may still say hello and list. */
const CALLS: ReadonlySet<string> = new Set(['tools/call', 'resources/read'])

/** Everything a PEP would ask about the event's call. */
export function queryOf({ tenant, data }: ToolEvent): PostureQuery {
  const { agent, session, server, tool } = data
  return {
    tenant,
    session: session.id,
    agent: agent.id,
    role: roleOf(data),
    server: server.id,
    ...(agent.on_behalf_of === undefined ? {} : { user: agent.on_behalf_of }),
    ...(tool === undefined ? {} : { tool: tool.name }),
  }
}

/** A refusal proves the containment it names, else the one that applies first: the milder ones were not put to the test. */
function refused(event: ToolEvent, leases: readonly Lease[]): readonly Observation[] {
  const named = event.data.decision?.id
  const lease = named === undefined ? leases[0] : leases.find(({ order }) => order.id === named)
  if (lease === undefined || HELD.has(lease.state) || event.receivedMs < (lease.requestedMs ?? 0)) return NOTHING
  return [observed(event, lease, 'in_effect', `${toolOf(event)} was refused`)]
}

const HELD: ReadonlySet<string> = new Set(['in_effect', 'ineffective'])

/**
 * Since when the PEP knows of a containment: since it acknowledged; one that asks and never acknowledges, since it could
 * have asked, as far as its events show that it decides at all.
 */
function knownSince({ data }: ToolEvent, lease: Lease): number | undefined {
  return lease.appliedMs ?? (data.decision === undefined ? undefined : lease.requestedMs)
}

function since(lease: Lease, beganMs: number): string {
  const fromMs = lease.appliedMs ?? lease.requestedMs ?? lease.order.issuedMs
  const word = lease.appliedMs === undefined ? 'ordered' : 'acknowledged'
  return `${((beganMs - fromMs) / 1_000).toFixed(1)} s after ${lease.order.level} was ${word}`
}

function toolOf({ data }: ToolEvent): string {
  return data.tool === undefined ? data.op : `${data.server.id}/${data.tool.name}`
}

function observed(event: ToolEvent, lease: Lease, state: Observation['state'], why: string): Observation {
  const { source, id, timeMs, data } = event
  return { orderId: lease.order.id, state, atMs: timeMs, event: { source, id, callId: data.call_id }, why }
}
