import { type Action, LEVELS, type Level, type Target, type TargetKind } from '../../src/model/order.ts'

/** A containment as Belay tells it: in callbacks, in the stream, in answers. */
export interface Containment {
  readonly id: string
  /** rises with every change; what is older than what is known says nothing */
  readonly revision: number
  /** undefined: a level that this version does not know */
  readonly level: Level | undefined
  readonly target: Target
  readonly expiresMs: number
  readonly isEnforced: boolean
}

const TARGETS: readonly TargetKind[] = ['session', 'agent', 'user', 'tool', 'server', 'role', 'tenant']

/** Undefined when the value is no containment. Unknown members are ignored. */
export function readContainment(value: unknown): Containment | undefined {
  const { containment_id: id, revision, action, target, expires_at: expires, mode } = membersOf(value)
  const { kind, id: targetId, agent } = membersOf(target)
  const expiresMs = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  const known = TARGETS.find((one) => one === kind)
  if (typeof id !== 'string' || id === '' || typeof revision !== 'number' || typeof action !== 'string')
    return undefined
  if (known === undefined || typeof targetId !== 'string' || Number.isNaN(expiresMs)) return undefined
  return {
    id,
    revision,
    level: LEVELS.find((one) => one === action),
    target: typeof agent === 'string' ? { kind: known, id: targetId, agent } : { kind: known, id: targetId },
    expiresMs,
    isEnforced: mode !== 'monitor',
  }
}

/** What `/v1/decisions` and `/v1/decide` answer. */
export interface Decided {
  readonly action: Action
  readonly containmentId?: string
  readonly expiresMs?: number
  /** how long it may be kept */
  readonly ttlMs: number
}

const MAX_TTL_MS = 2_000

/** Undefined when the value is no decision, or one that this version does not know. */
export function readDecided(value: unknown): Decided | undefined {
  const { action, containment_id: id, expires_at: expires, ttl } = membersOf(value)
  const known = action === 'allow' ? action : LEVELS.find((one) => one === action)
  if (known === undefined) return undefined
  const expiresMs = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  return {
    action: known,
    ...(typeof id === 'string' && { containmentId: id }),
    ...(!Number.isNaN(expiresMs) && { expiresMs }),
    ttlMs: typeof ttl === 'number' && ttl >= 0 ? Math.min(ttl * 1_000, MAX_TTL_MS) : MAX_TTL_MS,
  }
}

export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
