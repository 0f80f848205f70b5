import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isBelayField, nearestField } from './belay-fields.ts'
import { type EventShape, RAW_EVENTS } from './fields.ts'
import { loadRules } from './load.ts'
import { RuleSet } from './rule-set.ts'
import { load, ruleOf } from './test-rules.ts'

const folder = mkdtempSync(join(tmpdir(), 'belay-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const agentRule = (detection: string, more = ''): string =>
  `title: A rule\nid: rule\nlogsource: {category: agent_tool_event, product: mcp}\n${more}detection:\n${detection.replace(/^/gm, '    ')}\n`

describe('loadRules', () => {
  it('reads folders, however deep, and files, each once', async () => {
    mkdirSync(join(folder, 'deep/er'), { recursive: true })
    writeFileSync(join(folder, 'b.yml'), ruleOf('s: {A: 1}\ncondition: s', 'title: B'))
    writeFileSync(join(folder, 'deep/er/a.YAML'), ruleOf('s: {A: 1}\ncondition: s', 'title: A'))
    writeFileSync(join(folder, 'readme.md'), '# no rule')
    writeFileSync(join(folder, 'broken.yml'), 'title: [')
    const { files, rules, failed } = await loadRules([folder, join(folder, 'b.yml')], { raw: true })
    expect([files, rules.map(({ key }) => key)]).toEqual([3, ['B', 'A']])
    expect(failed).toMatchObject([{ file: join(folder, 'broken.yml') }])
  })

  it('rejects a path that is not there', async () => {
    await expect(loadRules([join(folder, 'nowhere')])).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('refuses what is not UTF-8, and what claims an id or name twice', async () => {
    writeFileSync(join(folder, 'latin.yml'), Buffer.from([0x74, 0xe9]))
    const { failed } = await loadRules([join(folder, 'latin.yml')])
    expect(failed).toEqual([
      { file: join(folder, 'latin.yml'), line: 1, message: 'the file is not UTF-8; save it in that encoding' },
    ])
    const rule = ruleOf('s: {A: 1}\ncondition: s')
    const twice = load(`${rule}---\n${rule}`)
    expect(twice.rules).toHaveLength(1)
    expect(twice.failed).toEqual([
      { file: 'rule.yml', line: 9, message: '`rule` is the id or name of rule.yml:1 already; choose another' },
    ])
  })
})

describe('rules for agents', () => {
  const warnings = (text: string): readonly string[] => load(text, {}).warnings.map(({ message }) => message)

  it('that name a field no event has are told the nearest one', () => {
    expect(warnings(agentRule('s: {tool.nmae: x, args.path: y}\ncondition: s'))).toEqual([
      'no event has the field `tool.nmae`; did you mean `tool.name`?',
    ])
    expect(load(agentRule('s: {tool.nmae: x}\ncondition: s')).warnings).toEqual([])
  })

  it('may use what Belay adds', () => {
    expect(
      warnings(
        agentRule(
          's:\n    signal.unusual-sequence.strength|gt: 3\n    session.risk|gte: 0.5\n    baseline.state: learning\n    refs.untrusted: true\n    session.calls|gt: 9\ncondition: s',
        ),
      ),
    ).toEqual([])
    expect([isBelayField('args.a.b'), isBelayField('argss'), nearestField('session.rsik')]).toEqual([
      true,
      false,
      'session.risk',
    ])
  })

  it('are checked in correlations and field references too', () => {
    const correlation =
      'title: C\ncorrelation: {type: event_count, rules: [rule], group-by: [who, agnet.id], timespan: 1h, condition: {gte: 2}, aliases: {who: {rule: agent.idd}}}'
    expect(warnings(`${agentRule('s: {tool.name|fieldref: toool.version}\ncondition: s')}---\n${correlation}`)).toEqual(
      [
        'no event has the field `toool.version`; did you mean `tool.version`?',
        'no event has the field `agnet.id`; did you mean `agent.id`?',
        'no event has the field `agent.idd`; did you mean `agent.id`?',
      ],
    )
  })

  it('of other log sources do not run on agents’ events, and are told about', () => {
    const shape: EventShape<unknown> = { ...RAW_EVENTS, accepts: ({ product }) => product === 'mcp' }
    const windows = ruleOf('s: {A: 1}\ncondition: s')
    expect(warnings(windows)).toEqual([expect.stringContaining('the log source any is not Belay')])
    expect(new RuleSet(load(windows).rules, shape).match({ A: 1 })).toEqual([])
    expect(new RuleSet(load(windows).rules, RAW_EVENTS).match({ A: 1 })).toHaveLength(1)
  })

  it('carry a response, a mode, a runbook, known gaps and tests', () => {
    const keys =
      'response: {level: quarantine_tool, lease: 4h}\nmode: monitor\nrunbook: [Look, Ask]\nknown_gaps: one\ntests:\n  - name: yes\n    match: true\n    event: {tool: {name: x}}\n  - name: no\n    match: false\n    events: [{op: a}, {op: b}]\n'
    expect(load(agentRule('s: {tool.name: x}\ncondition: s', keys), {}).rules[0]).toMatchObject({
      belay: {
        response: { level: 'quarantine_tool', leaseMs: 14_400_000 },
        mode: 'monitor',
        runbook: ['Look', 'Ask'],
        knownGaps: ['one'],
        tests: [
          { name: 'yes', matches: true, events: [{ tool: { name: 'x' } }] },
          { name: 'no', matches: false, events: [{ op: 'a' }, { op: 'b' }] },
        ],
      },
    })
  })

  it.each([
    ['response: suspend_session\n', /`response` must be a map; write `level: suspend_session`/],
    ['response: {lease: 1h}\n', /`level` is missing/],
    ['response: {level: ban}\n', /`level` is `ban`; it is one of monitor, require_step_up/],
    ['response: {level: monitor, lease: soon}\n', /`lease` is a number and s, m, h or d/],
    ['mode: off\n', /`mode` is `off`; it is one of monitor, enforce/],
    ['tests: yes\n', /`tests` must be a list/],
    ['tests: [{name: x, event: {a: 1}}]\n', /`match` is missing/],
    ['tests: [{name: x, match: true}]\n', /an `event` or a list of `events`/],
  ])('%s is refused', (keys, message) => {
    const { failed } = load(agentRule('s: {tool.name: x}\ncondition: s', keys), {})
    expect(failed[0]?.message).toMatch(message)
  })
})
