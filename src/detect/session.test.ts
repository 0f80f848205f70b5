import { describe, expect, it } from 'vitest'
import type { EventData, Ref, ToolEvent } from '../model/index.ts'
import { T0_MS, toolEvent } from '../testing/events.ts'
import { RecentSet, SightingTable } from './session/sets.ts'
import { type SessionOptions, type SessionState, Sessions } from './session.ts'

const FP = '0123456789abcdef'

function fold(sessions: Sessions, events: readonly ToolEvent[]): SessionState | undefined {
  let last: SessionState | undefined
  for (const event of events) {
    const { session, duplicate } = sessions.enter(event)
    if (!duplicate) sessions.leave(session, event)
    last = session
  }
  return last
}
const at = (minutes: number): number => T0_MS + minutes * 60_000
const withRef = (ref: Ref, data: Partial<EventData> = {}): ToolEvent => toolEvent({ ...data, refs: [ref] })

describe('the session fold', () => {
  it('counts request and response of a call once, and an event that comes again not at all', () => {
    const request = toolEvent({ call_id: 'c' })
    const response = toolEvent({ call_id: 'c', phase: 'response', result: { status: 'error', bytes: 10, records: 2 } })
    const session = fold(new Sessions(), [request, response, response, request])
    expect(session).toMatchObject({ calls: 1, bytes: 10, records: 2, errors: 1, history: ['tools/call:read_file'] })
  })

  it('shows a detector what came before the event, not the event itself', () => {
    const sessions = new Sessions()
    fold(sessions, [toolEvent({ call_id: 'a', tool: { name: 'list' } })])
    const { session } = sessions.enter(
      withRef({ in: 'args', kind: 'url', fp: FP }, { call_id: 'b', tool: { name: 'send' } }),
    )
    expect(session.token).toBe('tools/call:send')
    expect(session.history).toEqual(['tools/call:list'])
    expect(session.usesOf('send')).toBe(0)
    expect(session.sightingOf(FP)).toBeUndefined()
  })

  it('remembers who named a destination first and how', () => {
    const session = fold(new Sessions(), [
      withRef({ in: 'result', kind: 'url', fp: FP, untrusted: true, imperative: true }, { tool: { name: 'get_page' } }),
      withRef({ in: 'args', kind: 'url', fp: FP }, { tool: { name: 'visit' } }),
    ])
    expect(session?.sightingOf(FP)).toEqual({
      inIntent: false,
      inArgs: true,
      inUntrustedResult: true,
      inTrustedResult: false,
      imperative: true,
      tool: 'get_page',
    })
  })

  it('knows the task of the event at hand', () => {
    const { session } = new Sessions().enter(withRef({ in: 'intent', kind: 'url', fp: FP }))
    expect(session.sightingOf(FP)).toMatchObject({ inIntent: true })
  })

  it('begins anew after the idle time, in event time, and not while contained', () => {
    const sessions = new Sessions({ idleMs: 60_000 * 30 })
    fold(sessions, [toolEvent({}, { timeMs: at(0) })])
    expect(fold(sessions, [toolEvent({}, { timeMs: at(30) })])?.calls).toBe(2)
    expect(fold(sessions, [toolEvent({}, { timeMs: at(61) })])?.calls).toBe(1)
    const session = fold(sessions, [toolEvent({}, { timeMs: at(62) })])
    if (session) session.containedUntilMs = at(240)
    expect(fold(sessions, [toolEvent({}, { timeMs: at(200) })])?.calls).toBe(3)
  })

  it('is bounded: the longest untouched session goes first', () => {
    const sessions = new Sessions({ maxSessions: 2 })
    const of = (id: string, minute = 3): ToolEvent => toolEvent({ session: { id } }, { timeMs: at(minute) })
    fold(sessions, [of('a', 0), of('b', 0), of('a', 1), of('c', 2)])
    expect(sessions.size).toBe(2)
    expect(fold(sessions, [of('a')])?.calls).toBe(3)
    expect(fold(sessions, [of('b')])?.calls).toBe(1)
  })

  it('lets idle sessions go while others work', () => {
    const sessions = new Sessions({ idleMs: 60_000 })
    for (let i = 0; i < 50; i++) fold(sessions, [toolEvent({ session: { id: `s${i}` } }, { timeMs: at(0) })])
    for (let i = 0; i < 50; i++) fold(sessions, [toolEvent({ session: { id: `t${i}` } }, { timeMs: at(5) })])
    expect(sessions.size).toBeLessThanOrEqual(51)
  })

  it('lets them go from behind a contained one, which stays', () => {
    const sessions = new Sessions({ idleMs: 60_000 })
    const held = fold(sessions, [toolEvent({ session: { id: 'held' } }, { timeMs: at(0) })])
    if (held) held.containedUntilMs = at(240)
    for (let i = 0; i < 50; i++) fold(sessions, [toolEvent({ session: { id: `s${i}` } }, { timeMs: at(0) })])
    for (let i = 0; i < 50; i++) fold(sessions, [toolEvent({ session: { id: `t${i}` } }, { timeMs: at(5) })])
    expect(sessions.size).toBeLessThanOrEqual(53)
    expect(fold(sessions, [toolEvent({ session: { id: 'held' } }, { timeMs: at(6) })])?.calls).toBe(2)
  })

  it('forgets the sessions of an origin that moved', () => {
    const sessions = new Sessions()
    fold(sessions, [
      toolEvent({ session: { id: 'a' } }, { origin: 'p0' }),
      toolEvent({ session: { id: 'b' } }, { origin: 'p1' }),
    ])
    sessions.forget(['p0'])
    expect(sessions.size).toBe(1)
  })

  it("counts an agent's hour over its sessions and starts again with the next hour", () => {
    const sessions = new Sessions()
    fold(sessions, [toolEvent({ session: { id: 'a' } }, { timeMs: at(0) })])
    expect(fold(sessions, [toolEvent({ session: { id: 'b' } }, { timeMs: at(10) })])?.agentHour.calls).toBe(2)
    expect(fold(sessions, [toolEvent({ session: { id: 'c' } }, { timeMs: at(60) })])?.agentHour.calls).toBe(1)
  })
})

describe('what a tool does', () => {
  const effect = (data: Partial<EventData>, options: Partial<SessionOptions> = {}): string =>
    new Sessions(options).enter(toolEvent(data)).session.effect
  it.each([
    ['get_order_history', 'read'],
    ['send_money', 'side-effect'],
    ['frobnicate', 'unknown'],
  ])('is guessed from the name of %s: %s', (name, expected) => {
    expect(effect({ tool: { name } })).toBe(expected)
  })
  it('is believed of annotations before names, and of the operator before both', () => {
    const tool = { name: 'get_x', annotations: { destructiveHint: true } }
    expect(effect({ tool })).toBe('side-effect')
    expect(effect({ tool }, { readOnlyTools: ['files/get_x'] })).toBe('read')
  })
})

describe('the small sets', () => {
  it('a recent set remembers at least its limit and stays bounded', () => {
    const set = new RecentSet()
    for (let i = 1; i <= 100; i++) expect(set.add(i, 10)).toBe(true)
    for (let i = 92; i <= 100; i++) expect(set.add(i, 10)).toBe(false)
    expect(set.add(1, 10)).toBe(true)
  })
  it('a full sighting table still takes what the agent was told to use', () => {
    const table = new SightingTable()
    for (let i = 1; i <= 3_000; i++) table.add(i * 7_919, 4, 1)
    expect(table.get(2_999 * 7_919)).toBe(0)
    table.add(123_456_789, 4 | 16, 2)
    expect(table.get(123_456_789)).toBe(4 | 16 | (2 << 5))
    expect(table.get(7_919)).toBe(4 | (1 << 5))
  })
})
