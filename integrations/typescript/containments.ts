import { severityOfLevel } from '../../src/model/order.ts'
import type { Containment } from './wire.ts'

/** Whom a call concerns: everything its PEP knows of it. */
export interface Query {
  readonly session: string
  readonly agent: string
  readonly role?: string
  readonly user?: string
  readonly server: string
  readonly tool?: string
}

/** What became of an order, in the words of the contract's acknowledgement. */
export type Taken = 'applied' | 'duplicate' | 'unsupported' | 'not_found'

export interface Held {
  readonly containment: Containment
  /** who told: a callback, or the stream */
  readonly via: 'callback' | 'stream'
}

interface Entry extends Held {
  readonly isReleased: boolean
}

const MAX_ENTRIES = 100_000

/**
 * The containments that this PEP must enforce. The highest revision of each stands, and a released one stays as a
 * tombstone until its end, so that an order that comes late or again changes nothing. Ends are kept here, with no help
 * from Belay: a Belay that is gone cannot hold a session for ever.
 */
export class Containments {
  private readonly byId = new Map<string, Entry>()
  private readonly byTarget = new Map<string, Map<string, Held>>()

  apply(containment: Containment, via: Held['via'], nowMs: number): Taken {
    if (containment.level === undefined) return 'unsupported'
    if (containment.expiresMs <= nowMs) return 'not_found'
    return this.put({ containment, via, isReleased: !containment.isEnforced }, nowMs)
  }

  release(containment: Containment, via: Held['via'], nowMs: number): Taken {
    return this.put({ containment, via, isReleased: true }, nowMs)
  }

  /** The containment that applies to a call: the most severe in force, of equals the one that ends last. */
  covering(query: Query, nowMs: number): Held | undefined {
    if (this.byTarget.size === 0) return undefined
    let worst: Held | undefined
    for (const key of keysOf(query))
      for (const held of this.byTarget.get(key)?.values() ?? [])
        if (held.containment.expiresMs > nowMs && covers(held.containment, query) && outranks(held, worst)) worst = held
    return worst
  }

  /** Those in force now. */
  active(nowMs: number): readonly Containment[] {
    return [...this.byId.values()]
      .filter(({ containment, isReleased }) => !isReleased && containment.expiresMs > nowMs)
      .map(({ containment }) => containment)
  }

  private put(entry: Entry, nowMs: number): Taken {
    const { id, revision } = entry.containment
    const known = this.byId.get(id)
    if (known !== undefined && known.containment.revision >= revision) return 'duplicate'
    if (known === undefined && this.byId.size >= MAX_ENTRIES) this.forget(nowMs)
    if (known === undefined && this.byId.size >= MAX_ENTRIES) return 'unsupported'
    if (known !== undefined) this.unplace(known.containment)
    this.byId.set(id, entry)
    if (!entry.isReleased) this.place(entry)
    return 'applied'
  }

  private place(held: Held): void {
    const key = keyOf(held.containment.target.kind, held.containment.target.id)
    const others = this.byTarget.get(key)
    if (others === undefined) this.byTarget.set(key, new Map([[held.containment.id, held]]))
    else others.set(held.containment.id, held)
  }

  private unplace({ id, target }: Containment): void {
    const key = keyOf(target.kind, target.id)
    const held = this.byTarget.get(key)
    held?.delete(id)
    if (held?.size === 0) this.byTarget.delete(key)
  }

  private forget(nowMs: number): void {
    for (const [id, { containment }] of this.byId) {
      if (containment.expiresMs > nowMs) continue
      this.byId.delete(id)
      this.unplace(containment)
    }
  }
}

function* keysOf({ session, agent, role, user, server, tool }: Query): Generator<string> {
  yield keyOf('session', session)
  yield keyOf('agent', agent)
  if (role !== undefined) yield keyOf('role', role)
  if (user !== undefined) yield keyOf('user', user)
  yield keyOf('server', server)
  if (tool !== undefined) yield keyOf('tool', `${server}/${tool}`)
  yield keyOf('tenant', '')
}

/** Belay tells a PEP of its own tenant only, so a tenant's kill switch holds whatever the id says. */
function keyOf(kind: string, id: string): string {
  return kind === 'tenant' ? kind : `${kind}\u001f${id}`
}

/** Two agents may use one session id; a session's containment holds for its own agent. */
function covers({ target }: Containment, { agent }: Query): boolean {
  return target.kind !== 'session' || target.agent === undefined || target.agent === agent
}

function outranks({ containment: a }: Held, worst: Held | undefined): boolean {
  if (worst === undefined) return true
  const b = worst.containment
  const bySeverity = severityOfLevel(a.level ?? 'allow') - severityOfLevel(b.level ?? 'allow')
  return bySeverity !== 0 ? bySeverity > 0 : a.expiresMs > b.expiresMs
}
