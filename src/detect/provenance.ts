import type { Baseline, Ref, Session, Sighting } from '../model/index.ts'

/**
 * Where what a call does comes from, told from refs alone: who named a value, and who asked for what the tool does.
 * "Order" is a sentence in untrusted text that tells its reader to do something.
 */

/** Who named a value before this call: the user's task, an order, untrusted text, trusted text, or nobody but the agent. */
export type NamedBy = 'task' | 'order' | 'text' | 'trusted' | 'agent'

export function namedBy(sighting: Sighting | undefined): NamedBy {
  if (sighting === undefined) return 'agent'
  if (sighting.inIntent) return 'task'
  if (sighting.imperative) return 'order'
  if (sighting.inUntrustedResult) return 'text'
  return sighting.inTrustedResult ? 'trusted' : 'agent'
}

export interface Asked {
  readonly by: 'task' | 'order' | 'nobody'
  /** of the order */
  readonly sighting?: Sighting
}

const BY_NOBODY: Asked = { by: 'nobody' }
const BY_TASK: Asked = { by: 'task' }

/**
 * Who asked for what this call's tool does. An action on a kind of thing (`ask`) is compared where the tool's name has
 * one, else the action alone (`act`).
 */
export function askedBy(session: Session, refs: readonly Ref[]): Asked {
  let kind = 'act'
  for (const ref of refs)
    if (ref.in === 'args' && ref.kind === 'ask') {
      kind = 'ask'
      break
    }
  let order: Sighting | undefined
  for (const ref of refs) {
    if (ref.in !== 'args' || ref.kind !== kind) continue
    const sighting = session.sightingOf(ref.fp)
    if (sighting?.inIntent) return BY_TASK
    if (sighting?.imperative) order ??= sighting
  }
  return order === undefined ? BY_NOBODY : { by: 'order', sighting: order }
}

/** A word of the vocabulary rather than a value. */
export function isAsk(ref: Ref): boolean {
  return ref.kind === 'ask' || ref.kind === 'act'
}

/** The task asks for the action and leaves open for whom or what: it names no value of this kind. */
export function leftOpen(asked: Asked, refs: readonly Ref[], kind: string): boolean {
  return asked.by === 'task' && !refs.some((ref) => ref.in === 'intent' && ref.kind === kind)
}

const NETWORK: ReadonlySet<string> = new Set(['url', 'domain', 'ip'])

/** Reading sends nothing away, unless what is read is an address on the network. */
export function isHarmless(session: Session, kind: string): boolean {
  return session.effect === 'read' && !NETWORK.has(kind)
}

/** -ln of the share of the role's sessions that used the value although no task named it, nats. */
export function noveltyOf(baseline: Baseline, fp: string): number {
  return Math.log((baseline.sessions + 1) / (baseline.destinations.used(fp).sessions + 0.5))
}

/** -ln of the share of the role's sessions that took this kind of argument of the tool from an order in a result, nats. */
export function obedienceOf(baseline: Baseline, tool: string, kind: string): number {
  return Math.log((baseline.sessions + 1) / (baseline.destinations.ordered(tool, kind).sessions + 0.5))
}
