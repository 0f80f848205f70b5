import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { auditFolder, chainsIn, linesOf, RECORDS } from '../../src/run/audit/files.ts'
import { parseConfig, settingsOf } from '../../src/run/config.ts'
import { type Instance, startInstance } from '../../src/run/instance.ts'
import { createLog } from '../../src/run/log.ts'
import { createProgram } from '../../src/run/program.ts'
import type { StoredFinding } from '../../src/store/findings.ts'
import type { Exception, FindingDetail } from '../../src/web/findings.ts'
import { toolEvent } from './tool-event.ts'

/*
 * Goal: what an analyst says of a finding is kept with who and why, and a false positive changes nothing until a person
 * accepts the exception that it proposes, with its effect measured. Method: the commands, against a running instance.
 */
vi.setConfig({ testTimeout: 120_000 })
const data = mkdtempSync(join(tmpdir(), 'belay-findings-'))
let belay: Instance

const RULE = (name: string, tool: string) => `title: ${name} was called
name: ${name}
status: stable
level: high
logsource: {category: agent_tool_event}
detection: {call: {tool.name: ${tool}, op: tools/call}, condition: call}
runbook: [Look at the call, Ask its owner]
tests:
  - {name: yes, match: true, event: {op: tools/call, tool: {name: ${tool}}}}
  - {name: no, match: false, event: {op: tools/call, tool: {name: other}}}
`

beforeAll(async () => {
  const rules = join(data, 'rules')
  mkdirSync(rules)
  for (const [name, tool] of [
    ['wiping', 'wipe'],
    ['paying', 'pay'],
  ] as const)
    writeFileSync(join(rules, `${name}.yml`), RULE(name, tool))
  const config = { data, listen: { port: 0 }, rules: { builtIn: false, folders: [rules], reloadSeconds: 3600 } }
  belay = await startInstance(settingsOf(parseConfig(JSON.stringify(config), 'test'), {}, 'test'), log)
}, 120_000)
afterAll(async () => {
  await belay.stop()
  rmSync(data, { recursive: true, force: true })
}, 60_000)

const log = createLog('silent', process.stderr)

async function run<Answer>(...args: readonly string[]): Promise<Answer> {
  const lines: string[] = []
  const io = { out: (text: string) => void lines.push(text), err: () => undefined, watched: false, env: {} }
  await createProgram(io).parseAsync(['node', 'belay', ...args, '--url', belay.url, '--json'])
  return JSON.parse(lines.join('\n')) as Answer
}

async function call(id: string, tool: string, session: string): Promise<void> {
  const { data: minimal, ...envelope } = toolEvent(id)
  const event = { ...envelope, data: { ...minimal, tool: { name: tool }, session: { id: session } } }
  const headers = { 'content-type': 'application/cloudevents+json' }
  const sent = await fetch(`${belay.url}/v1/events`, { method: 'POST', headers, body: JSON.stringify(event) })
  expect(sent.status).toBe(202)
}

const findings = async (...args: readonly string[]): Promise<readonly StoredFinding[]> =>
  (await run<{ findings: readonly StoredFinding[] }>('findings', 'list', ...args)).findings

async function findingOf(session: string): Promise<StoredFinding> {
  const [found] = await findings('--session', session, '--status', 'all')
  if (found === undefined) throw new Error(`${session} has a finding`)
  return found
}

async function measured(id: string): Promise<Exception> {
  await belay.parts.exceptions.measured()
  const { exceptions } = await run<{ exceptions: readonly Exception[] }>('findings', 'exceptions')
  const found = exceptions.find((one) => one.id === id)
  if (found === undefined) throw new Error(`${id} has an exception`)
  return found
}

test('findings are listed, shown with what to do, and closed by whom and why', async () => {
  await call('w1', 'wipe', 'run-1')
  for (const id of ['w2', 'w3', 'w4', 'w5']) await call(id, 'wipe', 'run-1')
  const [found] = await findings('--severity', 'high')
  expect(found).toMatchObject({ cause: 'wiping', status: 'open', count: 4, revisions: 2, session: 'run-1' })
  expect(found).toMatchObject({ runbook: ['Look at the call', 'Ask its owner'], passport: { state: 'learning' } })
  const id = found?.id ?? ''
  await run('findings', 'close', id, '--as', 'true_positive', '--reason', 'the agent was hijacked')
  const detail = await run<FindingDetail>('findings', 'show', id)
  expect(detail).toMatchObject({
    status: 'closed',
    disposition: { kind: 'true_positive', by: 'local', reason: 'the agent was hijacked' },
  })
  expect(detail.history.map(({ what }) => what)).toEqual(['created', 'updated', 'disposition'])
  expect(await findings()).toEqual([])
})

test('a duplicate names a finding that exists', async () => {
  await call('w9', 'wipe', 'run-9')
  const { id } = await findingOf('run-9')
  const close = (...more: readonly string[]) =>
    run('findings', 'close', id, '--as', 'duplicate', '--reason', 'again', ...more)
  await expect(close()).rejects.toThrow('which other finding')
  await expect(close('--of', 'nowhere')).rejects.toThrow('no finding nowhere')
  const { id: first } = await findingOf('run-1')
  await close('--of', first)
  expect(await findingOf('run-9')).toMatchObject({ disposition: { kind: 'duplicate', duplicateOf: first } })
})

test('a false positive of a rule proposes a filter with its effect, which runs once it is accepted', async () => {
  await call('p1', 'pay', 'run-2')
  await call('p2', 'pay', 'run-3')
  const { id } = await findingOf('run-2')
  const { id: real } = await findingOf('run-3')
  await run('findings', 'close', real, '--as', 'true_positive', '--reason', 'it was not')
  await run('findings', 'close', id, '--as', 'false_positive', '--reason', 'pays: every "night"')
  const proposed = await measured(id)
  expect(proposed).toMatchObject({ state: 'proposed', kind: 'filter', cause: 'paying' })
  expect(proposed.filter).toContain('tool.name: pay')
  expect(proposed.effect).toMatchObject({
    changes: [{ role: 'tester', cause: 'paying', gained: 0, lost: 2 }],
    lost_true_positives: 1,
  })
  await belay.parts.rules.refresh(Date.now())
  await call('p3', 'pay', 'run-4')
  await findingOf('run-4')

  await run('findings', 'accept', id, '--reason', 'agreed with the owner')
  await belay.parts.rules.refresh(Date.now())
  await call('p4', 'pay', 'run-5')
  await call('w6', 'wipe', 'run-6')
  expect(await findings('--session', 'run-5')).toEqual([])
  await findingOf('run-6')

  await run('findings', 'decline', id, '--reason', 'it was too wide')
  await belay.parts.rules.refresh(Date.now())
  await call('p5', 'pay', 'run-7')
  await findingOf('run-7')
})

test('nobody accepts what was not measured, and everything is in the audit record', async () => {
  const { id } = await findingOf('run-4')
  await run('findings', 'close', id, '--as', 'false_positive', '--reason', 'again')
  await measured(id)
  await run('findings', 'decline', id, '--reason', 'no')
  await expect(run('findings', 'accept', id, '--reason', 'yes')).rejects.toThrow('it is declined')
  await expect(run('findings', 'accept', 'nowhere', '--reason', 'yes')).rejects.toThrow('no such exception')
  const folder = auditFolder(data)
  const records = chainsIn(folder)
    .flatMap((chain) => linesOf(join(folder, `${chain}${RECORDS}`)))
    .map((line) => JSON.parse(line) as unknown)
  expect(records).toContainEqual(
    expect.objectContaining({
      kind: 'finding',
      actor: 'local',
      subject: id,
      detail: { disposition: 'false_positive', reason: 'again' },
    }),
  )
  expect(records).toContainEqual(
    expect.objectContaining({ kind: 'exception', detail: expect.objectContaining({ state: 'accepted' }) }),
  )
})
