import { describe, expect, it } from 'vitest'
import type { Finding, Level, PlanInput } from '../model/index.ts'
import { LEVELS } from '../model/index.ts'
import { effectOn } from './ladder.ts'
import { DEFAULT_LEASE_MS, type PlanPolicy, type PolicyRule, plan } from './plan.ts'

const HOUR_MS = 3_600_000
const T0_MS = Date.UTC(2026, 10, 21)

const finding: Finding = {
  id: 'f-1',
  activity: 'created',
  tenant: 'acme',
  agent: 'bot',
  role: 'banking',
  session: 's1',
  cause: 'untrusted-destination',
  title: 'send_money to a destination that only a web page named',
  severity: 'high',
  risk: 0.9,
  score: 6,
  reasons: [],
  signals: ['untrusted-destination', 'unusual-sequence'],
  tags: [],
  runbook: [],
  baseline: 'v1',
  eventSource: 'urn:pep',
  eventId: 'e1',
  callId: 'c1',
  server: 'bank',
  tool: 'send_money',
  atMs: T0_MS,
  openedMs: T0_MS,
  count: 1,
  latest: { source: 'urn:pep', id: 'e1', callId: 'c1', atMs: T0_MS },
}

const input: PlanInput = {
  tenant: 'acme',
  agent: 'bot',
  role: 'banking',
  effect: 'side-effect',
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
  rules: [],
  protected: {
    roles: new Set(['payments-core']),
    agents: new Set(['treasurer']),
    tools: new Set(['bank/payroll']),
  },
}

describe('plan', () => {
  it('orders what detection asks for, with a lease of four hours from the event', () => {
    const [order] = plan(input, policy)
    expect(order).toMatchObject({
      level: 'suspend_session',
      target: { kind: 'session', id: 's1', agent: 'bot' },
      cause: 'untrusted-destination',
      mode: 'enforce',
      issuedMs: T0_MS,
      expiresMs: T0_MS + 4 * HOUR_MS,
      findingId: 'f-1',
      rules: ['untrusted-destination', 'unusual-sequence'],
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

  it('never delivers in monitor mode or for the monitor level', () => {
    expect(plan(input, { ...policy, mode: 'monitor' })[0]?.mode).toBe('monitor')
    expect(plan({ ...input, level: 'monitor' }, policy)[0]?.mode).toBe('monitor')
    const [planned] = plan({ ...input, role: 'payments-core' }, { ...policy, mode: 'monitor' })
    expect(planned).toMatchObject({ mode: 'monitor' })
    expect(planned?.approval).toBeUndefined()
  })

  it('asks a person about protected roles, agents and tools', () => {
    const approvalOf = (over: Partial<PlanInput>) => plan({ ...input, ...over }, policy)[0]?.approval
    expect(approvalOf({})).toBeUndefined()
    expect(approvalOf({ role: 'payments-core' })).toBe('payments-core is a protected role')
    expect(approvalOf({ agent: 'treasurer' })).toBe('treasurer is a protected agent')
    const payroll = { ...finding, tool: 'payroll' }
    expect(approvalOf({ level: 'quarantine_tool', finding: payroll })).toBe('bank/payroll is a protected tool')
    // Suspending a session that called it takes the tool away from nobody else.
    expect(approvalOf({ finding: payroll })).toBeUndefined()
  })

  it('follows the first rule that matches role, tool class and severity', () => {
    const rules: readonly PolicyRule[] = [
      { roles: new Set(['support']), approval: true },
      { tools: new Set(['read']), atMost: 'require_step_up', approval: false },
      { severities: new Set(['high']), atLeast: 'restrict_read_only', approval: false, leaseMs: 60_000 },
    ]
    const ordered = (over: Partial<PlanInput>) => plan({ ...input, ...over }, { ...policy, rules })[0]
    expect(ordered({ role: 'support' })).toMatchObject({
      level: 'suspend_session',
      approval: 'the policy asks a person',
    })
    expect(ordered({ effect: 'read' })).toMatchObject({ level: 'require_step_up' })
    const raised = ordered({ level: 'require_step_up' })
    expect(raised).toMatchObject({ level: 'restrict_read_only', expiresMs: T0_MS + 60_000 })
    expect(ordered({ level: 'require_step_up', finding: { ...finding, severity: 'low' } })?.level).toBe(
      'require_step_up',
    )
  })
})

describe('ladder', () => {
  it('says what each level does to a call', () => {
    const call = { readOnly: false, steppedUp: false }
    expect(LEVELS.map((level) => effectOn(level, call))).toEqual(['pass', 'step-up', 'deny', 'deny', 'deny'])
    expect(effectOn('restrict_read_only', { ...call, readOnly: true })).toBe('pass')
    expect(effectOn('require_step_up', { ...call, steppedUp: true })).toBe('pass')
  })
})
