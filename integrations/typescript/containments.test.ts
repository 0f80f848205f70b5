import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Containments, type Query } from './containments.ts'
import type { Containment } from './wire.ts'

const QUERY: Query = { session: 's1', agent: 'bot', role: 'clerk', server: 'bank', tool: 'pay' }

function containment(over: Partial<Containment> = {}): Containment {
  const target = { kind: 'session', id: 's1', agent: 'bot' } as const
  return { id: 'c-1', revision: 1, level: 'suspend_session', target, expiresMs: 1_000, isEnforced: true, ...over }
}

const idOf = (held: Containments, nowMs = 0): string | undefined => held.covering(QUERY, nowMs)?.containment.id

describe('containments of a PEP', () => {
  it.each([
    [{ kind: 'session', id: 's1', agent: 'bot' }, true],
    [{ kind: 'session', id: 's1' }, true],
    [{ kind: 'session', id: 's1', agent: 'another' }, false],
    [{ kind: 'agent', id: 'bot' }, true],
    [{ kind: 'role', id: 'clerk' }, true],
    [{ kind: 'user', id: 'ada' }, false],
    [{ kind: 'server', id: 'bank' }, true],
    [{ kind: 'tool', id: 'bank/pay' }, true],
    [{ kind: 'tool', id: 'pay' }, false],
    [{ kind: 'tenant', id: 'acme' }, true],
  ] as const)('%j covers the call: %s', (target, covers) => {
    const held = new Containments()
    expect(held.apply(containment({ target }), 'stream', 0)).toBe('applied')
    expect(idOf(held)).toBe(covers ? 'c-1' : undefined)
  })

  it('the most severe applies, and releasing it frees only that one', () => {
    const held = new Containments()
    held.apply(containment({ id: 'mild', level: 'restrict_read_only' }), 'stream', 0)
    held.apply(containment({ id: 'hard' }), 'callback', 0)
    expect(idOf(held)).toBe('hard')
    held.release(containment({ id: 'hard', revision: 2 }), 'callback', 0)
    expect(idOf(held)).toBe('mild')
  })

  it('ends by itself, to the millisecond', () => {
    const held = new Containments()
    held.apply(containment(), 'stream', 0)
    expect([idOf(held, 999), idOf(held, 1_000)]).toEqual(['c-1', undefined])
    expect(held.apply(containment({ id: 'late' }), 'stream', 1_000)).toBe('not_found')
  })

  it('says what it cannot do, and holds nothing in monitor mode', () => {
    const held = new Containments()
    expect(held.apply(containment({ level: undefined }), 'callback', 0)).toBe('unsupported')
    expect(held.apply(containment({ isEnforced: false }), 'callback', 0)).toBe('applied')
    expect(idOf(held)).toBeUndefined()
  })

  it('the highest revision stands, in whatever order and how often messages come', () => {
    const message = fc.record({ revision: fc.integer({ min: 1, max: 6 }), from: fc.integer({ min: 0, max: 5 }) })
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 30 }), (messages) => {
        const held = new Containments()
        // Odd revisions order, even ones release.
        for (const { revision } of messages) {
          const one = containment({ revision })
          if (revision % 2 === 1) held.apply(one, 'callback', 0)
          else held.release(one, 'callback', 0)
        }
        const highest = Math.max(...messages.map(({ revision }) => revision))
        expect(idOf(held)).toBe(highest % 2 === 1 ? 'c-1' : undefined)
      }),
    )
  })
})
