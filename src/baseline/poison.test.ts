import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seeded } from '../../scripts/fixtures/world.ts'
import { changedSince, isNarrow, suspectOf, type ToolDay } from './poison.ts'

const FIRST = 20_000

/** Sixty days of about a dozen sessions; `rate` of them use the tool from a day on, `before` of them until then. */
function days(fromDay: number, rate: number, before = 0, seed = 1): ToolDay[] {
  const random = seeded(seed)
  return Array.from({ length: 60 }, (_, i) => {
    const sessions = random.int(9, 15)
    const share = i >= fromDay ? rate : before
    return {
      day: FIRST + i,
      sessions,
      using: Array.from({ length: sessions }, () => random.next() < share).filter(Boolean).length,
    }
  })
}

describe('a change in how a tool is used', () => {
  it('is found with its day when a new tool trickles in', () => {
    const since = changedSince(days(30, 0.15)) ?? 0
    expect(Math.abs(since - FIRST - 30)).toBeLessThanOrEqual(3)
  })

  it('is found when a rare tool becomes less rare', () => {
    expect(changedSince(days(30, 0.3, 0.02))).toBeGreaterThan(FIRST + 25)
  })

  it('is none of a tool that is used as ever, on any of a hundred histories', () => {
    for (let seed = 0; seed < 100; seed++) expect(changedSince(days(0, 0.2, 0.2, seed))).toBeUndefined()
  })

  it('is none of a tool that is used less, nor in the first week', () => {
    expect(changedSince(days(30, 0.02, 0.4))).toBeUndefined()
    expect(changedSince(days(3, 0.4))).toBeUndefined()
    expect(changedSince([])).toBeUndefined()
  })

  it('is a day of the history, or none', () => {
    const day = fc.record({
      sessions: fc.integer({ min: 1, max: 50 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(day, { maxLength: 40 }), (some) => {
        const history = some.map(({ sessions, share }, i) => ({
          day: FIRST + i,
          sessions,
          using: Math.floor(sessions * share),
        }))
        const since = changedSince(history)
        expect(since === undefined || history.slice(7).some((one) => one.day === since)).toBe(true)
      }),
    )
  })
})

describe('a change that few agents make', () => {
  const agents = (using: readonly number[]) => using.map((count, i) => ({ agent: `a${i}`, sessions: 40, using: count }))

  it('is narrow when one of four makes it in a dozen sessions', () => {
    expect(isNarrow(agents([12, 0, 0, 0]))).toBe(true)
  })

  it('is not yet in a few sessions, nor when half of them or all take part', () => {
    expect(isNarrow(agents([5, 0, 0, 0]))).toBe(false)
    expect(isNarrow(agents([6, 6, 0, 0]))).toBe(false)
    expect(isNarrow(agents([9, 8, 9, 10]))).toBe(false)
  })

  it('is never narrow in a role of one agent', () => {
    expect(isNarrow(agents([40]))).toBe(false)
  })

  it('is told with its size', () => {
    expect(suspectOf('export_all', 'records', FIRST, agents([12, 0, 0, 0]))).toEqual({
      tool: 'export_all',
      server: 'records',
      sinceDay: FIRST,
      sessions: 12,
      agents: 1,
      ofAgents: 4,
    })
  })
})
