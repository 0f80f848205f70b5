import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Lease, LeaseState } from '../model/index.ts'
import { lease } from '../testing/orders.ts'
import { advanced, furthest, isFinal, isInForce } from './lease.ts'

const STATES: readonly LeaseState[] = [
  'requested',
  'delivered',
  'acknowledged',
  'in_effect',
  'released',
  'expired',
  'refused',
  'unsupported',
  'ineffective',
]

interface Step {
  readonly to: LeaseState
  readonly atMs: number
}

const opened = lease()
const { issuedMs, expiresMs } = opened.order
const change = fc.record({
  to: fc.constantFrom(...STATES),
  atMs: fc.integer({ min: issuedMs, max: expiresMs + 1_000 }),
})
/** Changes, and the same changes in any order, some of them more than once. */
const twice = fc.array(change, { minLength: 1, maxLength: 12 }).chain((steps) =>
  fc
    .array(fc.constantFrom(...steps))
    .chain((again) => fc.shuffledSubarray([...steps, ...again], { minLength: steps.length + again.length }))
    .map((shuffled) => [steps, shuffled] as const),
)

const run = (steps: readonly Step[]): Lease =>
  steps.reduce<Lease>((now, { to, atMs }) => advanced(now, to, { atMs }), opened)

/** The two ends mean the same to a PEP; which of them stands is decided by which came first. */
const meaning = ({ state, revision }: Lease) => ({ state: isFinal(state) ? 'ended' : state, revision })

describe('lease', () => {
  it('ends in the same state under any order and repetition of its changes', () => {
    fc.assert(
      fc.property(twice, ([steps, shuffled]) => {
        expect(meaning(run(shuffled))).toEqual(meaning(run(steps)))
      }),
    )
  })

  it('is never resurrected: after an end nothing changes it', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (before, after) => {
        const ended = advanced(run(before), 'released', { atMs: issuedMs })
        const later = after.reduce<Lease>((now, { to, atMs }) => advanced(now, to, { atMs }), ended)
        expect(later).toBe(ended)
        expect(isInForce(later, issuedMs)).toBe(false)
      }),
    )
  })

  it('raises the revision only when the PEP has something else to do', () => {
    const acknowledged = advanced(opened, 'acknowledged', { atMs: issuedMs + 5 })
    expect(acknowledged).toMatchObject({ revision: 1, appliedMs: issuedMs + 5 })
    const released = advanced(acknowledged, 'released', { atMs: issuedMs + 9, by: 'ada', detail: 'was fine' })
    expect(released).toMatchObject({ revision: 2, releasedBy: 'ada', detail: 'was fine', appliedMs: issuedMs + 5 })
  })

  it('does not expire before its time, and is not in force after it', () => {
    expect(advanced(opened, 'expired', { atMs: expiresMs - 1 })).toBe(opened)
    expect(advanced(opened, 'expired', { atMs: expiresMs }).state).toBe('expired')
    expect(isInForce(opened, expiresMs - 1)).toBe(true)
    expect(isInForce(opened, expiresMs)).toBe(false)
  })

  it('keeps a monitor lease planned until it ends', () => {
    const planned = lease({ mode: 'monitor' })
    expect(isInForce(planned, planned.order.issuedMs)).toBe(false)
    expect(advanced(planned, 'acknowledged', { atMs: 0 })).toBe(planned)
    expect(advanced(planned, 'released', { atMs: 0 }).state).toBe('released')
  })

  it('does not let a hopeful word hide a worse one', () => {
    const ineffective = advanced(advanced(opened, 'acknowledged', { atMs: 1 }), 'ineffective', { atMs: 2 })
    expect(advanced(ineffective, 'in_effect', { atMs: 3 }).state).toBe('ineffective')
  })

  it('joins two memories to the further one', () => {
    const released = advanced(opened, 'released', { atMs: issuedMs })
    expect(furthest(opened, released)).toBe(released)
    expect(furthest(released, opened)).toBe(released)
  })
})
