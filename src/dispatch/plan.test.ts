import { describe, expect, it } from 'vitest'
import type { Finding, Level, PlanInput } from '../model/index.ts'
import { LEVELS } from '../model/index.ts'
import { effectOn, nextRung } from './ladder.ts'
import { DEFAULT_LEASE_MS, type PlanPolicy, plan } from './plan.ts'

const HOUR_MS = 3_600_000
const T0_MS = Date.UTC(2026, 10, 21)

const finding: Finding = {
  id: 'f-1',
  tenant: 'acme',
  agent: 'bot',
  role: 'banking',
  session: 's1',
  cause: 'puppet-egress',
  title: 'send_money to a destination that only a web page named',
  severity: 'high',
  risk: 0.9,
  reasons: [],
  signals: ['puppet-egress', 'unusual-sequence'],
  tags: [],
  baseline: 'v1',
  eventSource: 'urn:pep',
  eventId: 'e1',
  callId: 'c1',
  server: 'bank',
  tool: 'send_money',
  atMs: T0_MS,
}

const input: PlanInput = {
  tenant: 'acme',
  agent: 'bot',
  role: 'banking',
  session: 's1',
  finding,
  risk: 0.9,
  level: 'suspend_session',
  eventMs: T0_MS,
  evidence: { source: 'urn:pep', id: 'e1', callId: 'c1', receivedMs: T0_MS + 5 },
}

const policy: PlanPolicy = {
  mode: 'enforce',
  leaseMs: DEFAULT_LEASE_MS,
  allowed: new Set(LEVELS),
  protectedRoles: new Set(['payments-core']),
}

describe('plan', () => {
  it('orders what detection asks for, with a lease of four hours from the event', () => {
    const [order] = plan(input, policy)
    expect(order).toMatchObject({
      level: 'suspend_session',
      target: { kind: 'session', id: 's1', agent: 'bot' },
      cause: 'puppet-egress',
      mode: 'enforce',
      issuedMs: T0_MS,
      expiresMs: T0_MS + 4 * HOUR_MS,
      findingId: 'f-1',
      rules: ['puppet-egress', 'unusual-sequence'],
    })
  })

  it('plans the same order for the same input, another for another tenant, session, cause, level or time', () => {
    const ids = [
      input,
      { ...input },
      { ...input, tenant: 'other' },
      { ...input, session: 's2' },
      { ...input, agent: 'other' },
      { ...input, finding: { ...finding, cause: 'off-hours' } },
      { ...input, level: 'require_step_up' as const },
      { ...input, eventMs: T0_MS + 1 },
    ].map((one) => plan(one, policy)[0]?.id)
    expect(ids[0]).toBe(ids[1])
    expect(new Set(ids).size).toBe(ids.length - 1)
  })

  it('is quiet while something as severe stands, and orders again when it is milder or has ended', () => {
    const standing = (level: Level, expiresMs: number) => plan({ ...input, standing: { level, expiresMs } }, policy)
    expect(standing('suspend_session', T0_MS + 1)).toEqual([])
    expect(standing('require_step_up', T0_MS + 1)).toHaveLength(1)
    expect(standing('suspend_session', T0_MS)).toHaveLength(1)
  })

  it('quarantines the tool for the whole tenant and for a day; without a tool it restricts the session', () => {
    const [order] = plan({ ...input, level: 'quarantine_tool' }, policy)
    expect(order?.target).toEqual({ kind: 'tool', id: 'bank/send_money' })
    expect(order?.expiresMs).toBe(T0_MS + 24 * HOUR_MS)
    const { tool: _tool, ...toolless } = finding
    const [fallen] = plan({ ...input, level: 'quarantine_tool', finding: toolless }, policy)
    expect(fallen).toMatchObject({ level: 'restrict_read_only', target: { kind: 'session' } })
  })

  it('falls to the highest allowed level, and orders nothing when none is that low', () => {
    const allowed = new Set<Level>(['require_step_up'])
    expect(plan(input, { ...policy, allowed })[0]?.level).toBe('require_step_up')
    expect(plan({ ...input, level: 'monitor' }, { ...policy, allowed })).toEqual([])
  })

  it('never delivers in monitor mode, for the monitor level, or for a protected role', () => {
    expect(plan(input, { ...policy, mode: 'monitor' })[0]?.mode).toBe('monitor')
    expect(plan({ ...input, level: 'monitor' }, policy)[0]?.mode).toBe('monitor')
    const [order] = plan({ ...input, role: 'payments-core' }, policy)
    expect(order?.mode).toBe('monitor')
    expect(order?.reason).toContain('protected')
  })
})

describe('ladder', () => {
  it('says what each level does to a call', () => {
    const call = { readOnly: false, steppedUp: false }
    expect(LEVELS.map((level) => effectOn(level, call))).toEqual(['pass', 'step-up', 'deny', 'deny', 'deny'])
    expect(effectOn('restrict_read_only', { ...call, readOnly: true })).toBe('pass')
    expect(effectOn('require_step_up', { ...call, steppedUp: true })).toBe('pass')
  })

  it('climbs one rung at a time and ends at the top', () => {
    expect(nextRung('quarantine_tool')).toBe('suspend_session')
    expect(nextRung('suspend_session')).toBeUndefined()
  })
})
