import { describe, expect, it } from 'vitest'
import { profileRow } from '../testing/baseline.ts'
import { profileSuite } from '../testing/profile-suite.ts'
import { destinations } from './destinations.ts'
import { createWeekClock, hours } from './hours.ts'
import { latency } from './latency.ts'
import { parameters } from './parameters.ts'
import type { Totals } from './profile.ts'
import { sequence } from './sequence.ts'
import { tools } from './tools.ts'
import { volume } from './volume.ts'

const TOTALS: Totals = { calls: 300, sessions: 100, agents: 3, timeZone: 'Europe/Berlin' }
/** Monday 2026-11-02, 09:00 UTC: 10:00 in Berlin */
const MONDAY_MS = Date.UTC(2026, 10, 2, 9)
const halfHour = (ms: number): string => String(ms / 1_800_000)

const STEPS = [
  profileRow('', 'read', 100),
  profileRow('', 'send', 40),
  profileRow('^', 'read', 95),
  profileRow('^', 'send', 5),
  profileRow('read', 'send', 38),
  profileRow('read', 'read', 20),
  profileRow('^\u001fread', 'send', 38),
]

profileSuite({
  definition: sequence,
  rows: STEPS,
  totals: TOTALS,
  ask: (profile) => [
    profile.surprise(['read'], 'send'),
    profile.surprise(['never'], 'wipe'),
    profile.surprise([], 'read'),
  ],
  unlearnt: Array.from({ length: 3 }, () => ({ nats: 0, sessions: 0, agents: 0, of: 0 })),
})

describe('sequence', () => {
  const profile = sequence.compile(STEPS, TOTALS)
  it('surprises little by what usually follows, more by what seldom does, most by what never did', () => {
    const usual = profile.surprise(['read'], 'send').nats
    const seldom = profile.surprise([], 'send').nats
    const never = profile.surprise(['read'], 'wipe').nats
    expect(usual).toBeLessThan(1)
    expect(seldom).toBeGreaterThan(2)
    expect(never).toBeGreaterThan(seldom)
    expect(Number.isFinite(never)).toBe(true)
  })
  it('says in how many sessions the very step was seen', () => {
    expect(profile.surprise(['read'], 'send')).toMatchObject({ sessions: 38, of: 100 })
    expect(profile.surprise(['send'], 'wipe')).toMatchObject({ sessions: 0 })
  })
})

profileSuite({
  definition: volume,
  rows: [
    profileRow('session.calls', '9', 90),
    profileRow('session.calls', '14', 10),
    profileRow('call.bytes\u001fread', '30', 50),
  ],
  totals: TOTALS,
  ask: (profile) => [
    profile.surprise('session.calls', 500),
    profile.surprise('call.bytes', 10, 'read'),
    profile.surprise('call.bytes', 1, 'never'),
  ],
  unlearnt: [undefined, undefined, undefined],
})

it('volume surprises more the further a value lies beyond what was seen', () => {
  const profile = volume.compile([profileRow('session.calls', '9', 90), profileRow('session.calls', '14', 10)], TOTALS)
  const at = (value: number): number => profile.surprise('session.calls', value)?.nats ?? Number.NaN
  expect(at(2)).toBeLessThan(0.1)
  expect(at(9)).toBeGreaterThan(2)
  expect(at(100)).toBeGreaterThan(at(20))
  expect(at(100_000)).toBeGreaterThan(at(100) + 5)
})

profileSuite({
  definition: hours,
  rows: [
    profileRow('half-hour', halfHour(MONDAY_MS), 60),
    profileRow('half-hour', halfHour(MONDAY_MS + 86_400_000), 40),
  ],
  totals: TOTALS,
  ask: (profile) => [profile.surprise(MONDAY_MS), profile.surprise(MONDAY_MS + 12 * 3_600_000)],
  unlearnt: [
    { nats: 0, sessions: 0, agents: 0, label: 'Monday 10:00 Europe/Berlin' },
    { nats: 0, sessions: 0, agents: 0, label: 'Monday 22:00 Europe/Berlin' },
  ],
})

describe('hours', () => {
  it('keeps the working day in place when the clocks change', () => {
    const clock = createWeekClock('Europe/Berlin')
    // 2026-10-25 is the last day of summer time: 08:30 UTC is 10:30 the Friday before and 09:30 the Monday after.
    expect(clock(Date.UTC(2026, 9, 23, 8, 30))).toBe(4 * 24 + 10)
    expect(clock(Date.UTC(2026, 9, 26, 8, 30))).toBe(9)
    // The hour that comes twice is the same hour twice.
    expect(clock(Date.UTC(2026, 9, 25, 0, 30))).toBe(clock(Date.UTC(2026, 9, 25, 1, 30)))
    expect(createWeekClock('Asia/Kathmandu')(Date.UTC(2026, 10, 2, 0, 20))).toBe(6)
  })
  it('smooths over neighbours and like days, so that Tuesday at ten is no surprise after a Monday at ten', () => {
    const profile = hours.compile([profileRow('half-hour', halfHour(MONDAY_MS), 100)], TOTALS)
    const tuesday = profile.surprise(MONDAY_MS + 86_400_000).nats
    const night = profile.surprise(MONDAY_MS + 17 * 3_600_000).nats
    expect(tuesday).toBeLessThan(2.5)
    expect(night).toBeGreaterThan(5)
  })
})

profileSuite({
  definition: destinations,
  rows: [profileRow('aa', '', 12), profileRow('egress\u001ffetch', 'example.com', 30)],
  totals: TOTALS,
  ask: (profile) => [
    profile.used('aa'),
    profile.used('bb'),
    profile.egress('fetch', 'example.com'),
    profile.egress('*', 'example.com'),
  ],
  unlearnt: Array.from({ length: 4 }, () => ({ sessions: 0, agents: 0 })),
})

profileSuite({
  definition: tools,
  rows: [profileRow('files', 'read', 90), profileRow('files', 'read\u001funasked', 3)],
  totals: TOTALS,
  ask: (profile) => [
    profile.surprise('files', 'read'),
    profile.unasked('files', 'read'),
    profile.surprise('files', 'wipe'),
  ],
  unlearnt: Array.from({ length: 3 }, () => ({ nats: 0, sessions: 0, agents: 0 })),
})

profileSuite({
  definition: parameters,
  rows: [
    profileRow('read', '#', 90),
    profileRow('read', 'path=text:3:path', 88),
    profileRow('read', 'path=text:5:prose', 2),
  ],
  totals: TOTALS,
  ask: (profile) => [
    profile.surprise('read', ['path=text:3:path']),
    profile.surprise('read', ['force=true', 'path=text:3:path']),
    profile.surprise('never', ['a=true']),
  ],
  unlearnt: [undefined, undefined, undefined],
})

it('parameters names the argument that was never given', () => {
  const rows = [profileRow('read', '#', 90), profileRow('read', 'path=text:3:path', 90)]
  const found = parameters.compile(rows, TOTALS).surprise('read', ['path=text:3:path', 'force=true'])
  expect(found).toMatchObject({ argument: 'force', shape: 'true', usual: 'never given' })
  expect(found?.nats).toBeGreaterThan(4)
})

profileSuite({
  definition: latency,
  rows: [profileRow('read', '20', 90)],
  totals: TOTALS,
  ask: (profile) => [profile.surprise('read', 10), profile.surprise('read', 100_000), profile.surprise('never', 1)],
  unlearnt: [undefined, undefined, undefined],
})
