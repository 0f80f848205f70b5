import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { loadDetectors } from '../../src/detect/engine.ts'
import type { EventNotice, FindingNotice, Notice } from '../../src/forward/notice.ts'
import type { Product } from '../../src/forward/shape.ts'
import { SHAPES } from '../../src/forward/shape.ts'
import { shapes } from '../../src/forward/shapes/index.ts'
import { syslogMessage } from '../../src/forward/wires/syslog-message.ts'
import { DISPOSITIONS, type Finding, LEVELS } from '../../src/model/index.ts'
import { T0_MS } from '../../src/testing/events.ts'
import { eventNotice, findingNotice } from '../../src/testing/notices.ts'
import { parseCef, parseLeef } from './line-parsers.ts'
import { ocsfProblems } from './ocsf-schema.ts'
import { parseSyslog } from './syslog-receiver.ts'

const PRODUCT: Product = { vendor: 'Belay', name: 'Belay', version: '1.2.3' }
const HOSTILE_RUNS = Number(process.env.BELAY_HOSTILE_RUNS ?? 200)

const ocsf = (notice: Notice) => JSON.parse(shapes.ocsf.write(notice, PRODUCT)) as Record<string, unknown>

/** Every cause that Belay has: its detectors, its rules, and what it says of its own containments. */
async function causes(): Promise<readonly FindingNotice[]> {
  const detectors = (await loadDetectors(['detectors'])).map((detector) => noticeOf(detector, 'detector'))
  const rules = readdirSync('rules')
    .filter((file) => file.endsWith('.yml'))
    .flatMap((file) => parseAllDocuments(readFileSync(join('rules', file), 'utf8')))
    .map((document) => {
      const { id, name, title, tags = [], runbook = [] } = document.toJS() as Cause & { readonly name?: string }
      return noticeOf({ id: name ?? id, title, tags, runbook }, 'rule')
    })
  const own = ['not-contained', 'blast-radius'].map((id) => noticeOf({ id, title: id }, 'belay'))
  return [...detectors, ...rules, ...own]
}

interface Cause {
  readonly id: string
  readonly title: string
  readonly tags?: readonly string[]
  readonly runbook?: readonly string[]
}

function noticeOf({ id, title, tags = [], runbook = [] }: Cause, by: FindingNotice['by']): FindingNotice {
  return findingNotice({ cause: id, title, tags, runbook, ruleSet: 'g1' }, { by })
}

const STATES = ['planned', 'awaiting_approval', 'requested', 'in_effect', 'released', 'ineffective'] as const

/** Every state of a finding's life, of each severity. */
function lives(): readonly Partial<Finding>[] {
  const contained = LEVELS.flatMap((level) => STATES.map((state) => ({ containment: { id: 'c-1', level, state } })))
  const closed = DISPOSITIONS.map((kind) => ({
    activity: 'closed' as const,
    disposition: { kind, by: 'ada', reason: 'looked at it', atMs: T0_MS + 5_000, duplicateOf: 'finding-0' },
  }))
  const severities = (['low', 'medium', 'high', 'critical'] as const).map((severity) => ({ severity }))
  const passport = {
    version: 'v1',
    state: 'active',
    sessions: 412,
    agents: 3,
    days: 60,
    fromMs: T0_MS,
    toMs: T0_MS,
  } as const
  return [
    ...contained,
    ...closed,
    ...severities,
    { activity: 'updated', count: 8 },
    { passport },
    { reasons: [], tags: [], runbook: [] },
  ]
}

describe('OCSF 1.8.0, checked against the compiled schema', () => {
  it('finds what is wrong: required, unknown, enum, type and constraint', () => {
    const right = ocsf(findingNotice())
    const problemsWith = (over: object) => ocsfProblems({ ...right, ...over })
    expect(problemsWith({})).toEqual([])
    expect(problemsWith({ finding_info: undefined })).toEqual([
      'finding_info: required',
      'finding_info: must be an object',
    ])
    expect(problemsWith({ made_up: 1 })).toEqual(['made_up: unknown'])
    expect(problemsWith({ status_id: 77 })).toEqual(['status_id: 77 is not in the enum'])
    expect(problemsWith({ time: 'now' })).toEqual(['time: must be timestamp_t'])
    expect(problemsWith({ evidences: [{ verdict_id: 1 }] })[0]).toMatch(/^evidences\[0\]\.: at least one of actor/)
    expect(problemsWith({ verdict_id: 1 })).toEqual(['verdict_id: needs the profile incident'])
  })

  it('is right for every cause that Belay has', async () => {
    const all = await causes()
    expect(all.length).toBeGreaterThan(60)
    for (const notice of all)
      expect([notice.finding.cause, ocsfProblems(ocsf(notice))]).toEqual([notice.finding.cause, []])
  })

  it.each(lives())('is right in every state of its life: %j', (finding) => {
    expect(ocsfProblems(ocsf(findingNotice(finding)))).toEqual([])
  })

  it('says what became of it by activity, status, action and disposition', () => {
    const closed = lives().find(({ disposition }) => disposition?.kind === 'false_positive') ?? {}
    expect(ocsf(findingNotice(closed))).toMatchObject({ type_uid: 200403, status_id: 3, is_alert: false })
    const suspended = { containment: { id: 'c', level: 'suspend_session', state: 'in_effect' } } as const
    expect(ocsf(findingNotice(suspended))).toMatchObject({ type_uid: 200401, action_id: 2, disposition_id: 24 })
    expect(ocsf(findingNotice())).toMatchObject({ action_id: 3, disposition_id: 15, severity_id: 4 })
  })

  it.each([
    { kind: 'call' },
    { kind: 'call', readOnly: true, status: 'denied' },
    { kind: 'call', status: 'input_required', clientIp: 'not an address' },
    { kind: 'auth', op: 'auth', auth: { outcome: 'failure', reason: 'invalid_token', method: 'oauth' } },
    { kind: 'auth', op: 'auth', auth: { outcome: 'step_up_ok', scopes: ['a'], credential_sha256: 'ab' } },
  ] satisfies Partial<EventNotice>[])('is right for an event: %j', (event) => {
    expect(ocsfProblems(ocsf(eventNotice(event)))).toEqual([])
  })
})

describe.each(SHAPES)('the shape %s', (id) => {
  it.each(['finding', 'closed', 'call', 'auth'] as const)('writes a %s as the golden file says', async (what) => {
    const notice = {
      finding: findingNotice(),
      closed: findingNotice({
        activity: 'closed',
        disposition: { kind: 'false_positive', by: 'ada', reason: 'a new supplier', atMs: T0_MS + 60_000 },
        containment: { id: 'c-10', level: 'suspend_session', state: 'released' },
        count: 4,
      }),
      call: eventNotice(),
      auth: eventNotice({ kind: 'auth', op: 'auth', auth: { outcome: 'failure', reason: 'invalid_token' } }),
    }[what]
    const text = shapes[id].write(notice, PRODUCT)
    const shown = shapes[id].isJson ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : `${text}\n`
    await expect(shown).toMatchFileSnapshot(`../../fixtures/golden/${id}-${what}.${shapes[id].isJson ? 'json' : 'txt'}`)
  })
})

/**
 * Goal: a finding's text is an attacker's, and must stay in its field. Method: notices made of text that tries to end
 * its field, its line or its record, through every shape, read back by parsers written from the specifications.
 */
describe('hostile text', () => {
  it('stays in its field in every shape', () => {
    fc.assert(
      fc.property(hostileNotice(), hostileText(), (notice, hostname) => {
        const before = JSON.stringify(notice)
        for (const shape of Object.values(shapes)) {
          const line = shape.write(notice, PRODUCT)
          expect(line).not.toMatch(shape.isJson ? /[\p{Cs}\n\r]/u : /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
          expect(shape.write(notice, PRODUCT)).toBe(line)
        }
        expect(JSON.stringify(notice)).toBe(before)
        expect(ocsfProblems(ocsf(notice))).toEqual([])
        checkCef(notice)
        checkLeef(notice)
        checkSyslog(notice, hostname)
      }),
      { numRuns: HOSTILE_RUNS },
    )
  }, 600_000)
})

/** As many header fields as there must be, only the keys that belong there, each value as it was but for what is unsafe. */
function checkCef(notice: Notice): void {
  const { header, extension } = parseCef(shapes.cef.write(notice, PRODUCT))
  const { signature, name, fields } = said(notice)
  expect(header.slice(0, 6)).toEqual(['CEF:0', 'Belay', 'Belay', '1.2.3', shown(signature, 512), shown(name, 512)])
  expect(header).toHaveLength(7)
  for (const key of extension.keys()) expect(CEF_KEYS).toContain(key)
  expect(extension.get('sproc') ?? '').toBe(shown(fields.agent, 1023))
  expect(extension.get('cs1') ?? '').toBe(shown(fields.session, 1000))
  expect(extension.get('cs6') ?? '').toBe(shown(fields.tenant, 1000))
}

function checkLeef(notice: Notice): void {
  const { header, attributes } = parseLeef(shapes.leef.write(notice, PRODUCT))
  const { signature, fields } = said(notice)
  const inHeader = shown(signature, 512).replaceAll('|', '\u00a6')
  expect(header).toEqual(['LEEF:2.0', 'Belay', 'Belay', '1.2.3', inHeader, '^'])
  for (const key of attributes.keys()) expect(LEEF_KEYS).toContain(key)
  for (const [key, text] of [
    ['agent', fields.agent],
    ['sessionId', fields.session],
    ['tenant', fields.tenant],
  ] as const)
    expect(attributes.get(key) ?? '').toBe(shown(text, 1000).replaceAll('^', '\u02c6'))
}

function checkSyslog(notice: Notice, hostname: string): void {
  const text = shapes.cef.write(notice, PRODUCT)
  const message = { id: 'm', kind: 'findings', atMs: T0_MS, severity: 'high', key: 'k', text } as const
  const parsed = parseSyslog(syslogMessage(message, { hostname, appName: 'belay' }))
  expect(parsed).toEqual({ priority: 114, msgId: 'alert', text })
}

function said(notice: Notice) {
  if (notice.kind === 'finding')
    return { signature: notice.finding.cause, name: notice.finding.title, fields: notice.finding }
  const isAuth = notice.kind === 'auth'
  return {
    signature: isAuth ? 'auth-failure' : 'tool-call',
    name: isAuth ? 'Agent authentication' : 'Agent tool call',
    fields: notice,
  }
}

/** As a receiver should see it: cut, and without what is unsafe in a line. */
function shown(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}\u2026` : text
  return cut.replace(/[\t\n\v\f\r\u0085\u2028\u2029]/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd')
}

/** Text that tries to end its field, its line or its record, mixed with every kind of Unicode. */
function hostileText(): fc.Arbitrary<string> {
  const pieces = fc.constantFrom(
    '|',
    '\\',
    '=',
    '^',
    '\n',
    '\r\n',
    '\u0000',
    '\u001b[2J',
    '\u2028',
    '\u202e',
    '\u0085',
    '"',
    ']',
    '<113>1 ',
    ' act=allow',
    ' cs1=other',
    '\\|',
    '\\=',
    '^sev=1',
    'CEF:0|x|x|x|x|x|10|',
    '\nLEEF:2.0|',
    '17 <14>1',
    '{"a":1}',
    '</script>',
    '\ud800',
    '__proto__',
    '\u{e0041}',
    '\ufeff',
    ' ',
  )
  return fc
    .array(fc.oneof({ weight: 3, arbitrary: pieces }, fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 12 })
    .map((parts) => parts.join(''))
}

function hostileNotice(): fc.Arbitrary<Notice> {
  const text = hostileText()
  const finding = fc
    .record({
      id: text,
      tenant: text,
      agent: text,
      role: text,
      session: text,
      cause: text,
      title: text,
      server: text,
      tool: text,
      eventId: text,
      eventSource: text,
      callId: text,
      baseline: text,
      ruleSet: text,
      tags: fc.array(text, { maxLength: 3 }),
      signals: fc.array(text, { maxLength: 3 }),
      runbook: fc.array(text, { maxLength: 2 }),
      reasons: fc.array(fc.record({ what: text, observed: text, expected: text }), { maxLength: 3 }),
      risk: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .chain((fields) =>
      fc
        .record({ user: text, clientIp: text, op: text, host: text, ip: text, port: fc.integer() })
        .map(({ host, ip, port, ...scene }) =>
          findingNotice(fields, { scene: { ...scene, egress: [{ host, ip, port }] } }),
        ),
    )
  const event = fc
    .record({
      kind: fc.constantFrom('call' as const, 'auth' as const),
      tenant: text,
      source: text,
      id: text,
      callId: text,
      op: text,
      agent: text,
      agentName: text,
      role: text,
      session: text,
      server: text,
      tool: text,
      errorCode: text,
      user: text,
      clientIp: text,
      durationMs: fc.double({ min: -1, max: 1e6, noNaN: true }),
      auth: fc.record({ outcome: fc.constant('failure' as const), reason: text, method: text }),
    })
    .map((fields) => eventNotice(fields))
  return fc.oneof(finding, event)
}

const CEF_KEYS = [
  'rt',
  'externalId',
  'cat',
  'suser',
  'sproc',
  'src',
  'dhost',
  'dst',
  'dpt',
  'act',
  'outcome',
  'out',
  'cnt',
  'msg',
  'fileId',
  'destinationServiceName',
  'cfp1',
  'cfp1Label',
  ...[1, 2, 3, 4, 5, 6].flatMap((n) => [`cs${n}`, `cs${n}Label`]),
]
const LEEF_KEYS = [
  'devTime',
  'cat',
  'sev',
  'usrName',
  'src',
  'dst',
  'dstPort',
  'dstBytes',
  'name',
  'findingId',
  'noticeId',
  'tenant',
  'agent',
  'agentRole',
  'sessionId',
  'server',
  'tool',
  'dstHost',
  'action',
  'outcome',
  'risk',
  'count',
  'techniques',
  'tags',
  'reason',
]
