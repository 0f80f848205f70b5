import { describe, expect, it } from 'vitest'
import type { EventData, Lease, Order, ToolEvent } from '../model/index.ts'
import { T0_MS, toolEvent } from '../testing/events.ts'
import { lease } from '../testing/orders.ts'
import { advanced } from './lease.ts'
import { LeaseIndex } from './posture/lease-index.ts'
import { EffectivenessWatch } from './watch.ts'

const ACK_MS = T0_MS + 100
const AFTER_GRACE_MS = ACK_MS + 3_001

describe('effectiveness watch', () => {
  const target = { kind: 'session', id: 's1', agent: 'bot' } as const
  const held = (over: Partial<Order> = {}): Lease =>
    advanced(lease({ target, issuedMs: T0_MS, ...over }), 'acknowledged', { atMs: ACK_MS })
  const watching = (...leases: readonly Lease[]) => {
    const index = new LeaseIndex()
    for (const [at, one] of leases.entries()) index.set({ lease: one, changed: at + 1, opened: at + 1 })
    return new EffectivenessWatch({
      covering: (query) => index.covering(query),
      recall: (id) => index.get(id)?.lease,
      readOnlyTools: new Set(['files/peek']),
    })
  }
  type Data = Parameters<typeof toolEvent>[0]
  const call = (atMs: number, data: Data = {}, receivedMs = atMs): ToolEvent =>
    toolEvent({ phase: 'response', agent: { id: 'bot' }, session: { id: 's1' }, ...data } as Data, {
      timeMs: atMs,
      receivedMs,
    })
  const statesOf = (watch: EffectivenessWatch, ...events: readonly ToolEvent[]) =>
    watch.see(events).map(({ orderId, state }) => [orderId, state])

  it('is silent without leases, before the grace is over, and about others', () => {
    const one = held()
    expect(watching().see([call(AFTER_GRACE_MS)])).toEqual([])
    expect(watching(one).see([call(ACK_MS + 3_000)])).toEqual([])
    expect(watching(one).see([call(AFTER_GRACE_MS, { session: { id: 's2' } })])).toEqual([])
    expect(watching(one).see([call(one.order.expiresMs)])).toEqual([])
  })

  it('takes a call that succeeds after the grace as proof that a lease does not hold', () => {
    const one = held()
    const [seen] = watching(one).see([call(AFTER_GRACE_MS)])
    expect(seen).toMatchObject({ orderId: one.order.id, state: 'ineffective', atMs: AFTER_GRACE_MS })
    expect(seen?.why).toBe('files/read_file succeeded 3.0 s after suspend_session was acknowledged')
  })

  it('takes a refused call as proof that it holds, once', () => {
    const one = held()
    const refused = call(ACK_MS + 50, { result: { status: 'denied' } })
    expect(statesOf(watching(one), refused)).toEqual([[one.order.id, 'in_effect']])
    const enforced = call(ACK_MS + 50, { phase: 'request', decision: { enforced: true } })
    expect(statesOf(watching(one), enforced)).toEqual([[one.order.id, 'in_effect']])
    expect(watching(advanced(one, 'in_effect', { atMs: ACK_MS })).see([refused])).toEqual([])
  })

  it('credits the lease that the PEP names, else the one that applies first', () => {
    const [mild, severe] = [held({ level: 'require_step_up' }), held()]
    const refused = (decision?: EventData['decision']) =>
      call(ACK_MS + 50, { result: { status: 'denied' }, ...(decision && { decision }) })
    expect(statesOf(watching(mild, severe), refused())).toEqual([[severe.order.id, 'in_effect']])
    expect(statesOf(watching(mild, severe), refused({ id: mild.order.id }))).toEqual([[mild.order.id, 'in_effect']])
    expect(watching(mild, severe).see([refused({ id: 'c-other' })])).toEqual([])
  })

  it('does not blame a call that began before, however late it ends or is told', () => {
    const watch = watching(held())
    const long = call(AFTER_GRACE_MS, { result: { status: 'ok', duration_ms: 3_001 } })
    const request = call(ACK_MS - 5, { phase: 'request', call_id: 'long' })
    const response = call(AFTER_GRACE_MS, { call_id: 'long' })
    const clockAhead = call(AFTER_GRACE_MS + 240_000, {}, ACK_MS)
    const toldLate = call(ACK_MS - 5, {}, AFTER_GRACE_MS)
    expect(watch.see([long, request, response, clockAhead, toldLate])).toEqual([])
  })

  it('blames a PEP that does not acknowledge only where its events show that it decides', () => {
    const asked = lease({ target, issuedMs: T0_MS })
    expect(watching(asked).see([call(T0_MS + 3_001)])).toEqual([])
    const decides = { decision: { action: 'allow', origin: 'query' } } as const
    expect(statesOf(watching(asked), call(T0_MS + 3_001, decides))).toEqual([[asked.order.id, 'ineffective']])
    expect(watching(asked).see([call(T0_MS + 3_000, decides)])).toEqual([])
  })

  it.each([
    ["a tool on the operator's list", { tool: { name: 'peek' } }, []],
    ['a hinted one', { tool: { name: 'send_x', annotations: { readOnlyHint: true } } }, []],
    ['one that reads by its name, without a hint', { tool: { name: 'read_file' } }, []],
    ['one hinted to write', { tool: { name: 'read_file', annotations: { readOnlyHint: false } } }, ['ineffective']],
    ['one without a hint', { tool: { name: 'send_money' } }, ['ineffective']],
  ])('lets read-only pass %s', (_what, data, expected) => {
    const seen = watching(held({ level: 'restrict_read_only' })).see([call(AFTER_GRACE_MS, data)])
    expect(seen.map(({ state }) => state)).toEqual(expected)
  })

  it('lets a stepped-up call pass, and none without', () => {
    const watch = watching(held({ level: 'require_step_up' }))
    expect(watch.see([call(AFTER_GRACE_MS, { auth: { outcome: 'step_up_ok' } })])).toEqual([])
    expect(watch.see([call(AFTER_GRACE_MS)])).toMatchObject([{ state: 'ineffective' }])
  })

  it('counts what reads or acts, not hellos, lists and failures', () => {
    const watch = watching(held())
    const events = [
      call(AFTER_GRACE_MS, { op: 'tools/list' }),
      call(AFTER_GRACE_MS, { op: 'initialize' }),
      call(AFTER_GRACE_MS, { result: { status: 'error' } }),
      call(AFTER_GRACE_MS, { phase: 'request' }),
    ]
    expect(watch.see(events)).toEqual([])
    expect(watch.see([call(AFTER_GRACE_MS, { op: 'resources/read' })])).toHaveLength(1)
  })

  it('holds a role and a tenant by its kill switch', () => {
    for (const kill of [
      { kind: 'role', id: 'clerk' },
      { kind: 'tenant', id: 'default' },
    ] as const) {
      const watch = watching(held({ target: kill }))
      expect(watch.see([call(AFTER_GRACE_MS, { agent: { id: 'x', role: 'clerk' } })])).toHaveLength(1)
      expect(watch.see([call(AFTER_GRACE_MS, { agent: { id: 'x', role: 'other' } })])).toHaveLength(
        kill.kind === 'tenant' ? 1 : 0,
      )
    }
  })
})
