import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from 'chdb'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { canonicalJson, sha256Hex } from '../../src/accept/canonical.ts'
import { createRedactor } from '../../src/accept/redact.ts'
import { createRefExtractor } from '../../src/accept/refs.ts'
import type { CloudEvent, Ref } from '../../src/model/index.ts'
import { cloudEvent } from '../../src/testing/events.ts'
import { SECRET } from '../dispatch/receiver.ts'
import { RunningBelay } from '../run/belay.ts'
import { python } from '../services/python.ts'
import { freePort } from '../services/service.ts'
import { INTEGRATION, PythonDriver } from './driver.ts'

// Goal: integrations/python/belay_pep.py is a PEP of this very Belay. Method: its own unit tests; its digests, refs and
// marks against those of src/accept; and the client against a Belay that really runs.
const found = python()
const command = found.available ? found.service : ''
const folder = mkdtempSync(join(tmpdir(), 'belay-pep-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(!found.available)(
  'its unit tests pass',
  async () => {
    const child = spawn(command, ['-m', 'unittest', 'test_belay_pep'], {
      cwd: INTEGRATION,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said: string[] = []
    child.stderr.on('data', (part: Buffer) => said.push(part.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    expect(said.join('')).toMatch(/Ran [1-9]\d* tests/)
    expect({ code, said: said.join('') }).toMatchObject({ code: 0 })
  },
  120_000,
)

const KEY = 'a key that both sides have'

interface Vectors {
  readonly json: readonly string[]
  readonly sha256: readonly string[]
  readonly refs: readonly (readonly Ref[])[]
  readonly redacted: readonly unknown[]
}

/** Events of the fixtures: arguments, results and tasks of many kinds of tools. */
function recorded(): readonly CloudEvent[] {
  const root = join(import.meta.dirname, '../../fixtures')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ndjson'))
  const lines = files.flatMap((name) =>
    readFileSync(join(root, name), 'utf8').split('\n').filter(Boolean).slice(0, 200),
  )
  return lines.map((line) => JSON.parse(line) as CloudEvent).filter(({ data }) => data !== undefined)
}

/** What a PEP computes of refs: the values. What sentences ask for is Belay's own reading of content that it has. */
function values(refs: readonly Ref[]): readonly string[] {
  const own = refs.filter(({ kind, imperative }) => !['ask', 'act'].includes(kind) && !(imperative && kind === 'name'))
  return [...new Set(own.map((ref) => `${ref.in} ${ref.kind} ${ref.fp} ${ref.untrusted === true}`))].sort()
}

test.skipIf(!found.available)(
  'digests, fingerprints and marks are those of Belay',
  async () => {
    const driver = new PythonDriver(command)
    const events = recorded()
    const given = fc.sample(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), 2_000)
    const numbers = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 2_000)
    const contents = events.map(({ data }) => ({
      args: data.args ?? {},
      result: data.result?.sample,
      intent: data.intent?.text,
    }))
    const python = await driver.run<Vectors>({
      vectors: { key: KEY, values: [...given, ...numbers], events: contents },
    })
    await driver.stop()
    const json = [...given, ...numbers].map((value) => canonicalJson(value))
    expect(python.json).toEqual(json)
    expect(python.sha256).toEqual(json.map(sha256Hex))

    const refsOf = createRefExtractor({ key: KEY })
    const redactor = createRedactor({ key: KEY })
    let seen = 0
    for (const [at, { args, result, intent }] of contents.entries()) {
      const refs = refsOf({
        ...cloudEvent({}).data,
        args,
        ...(result === undefined ? {} : { result: { status: 'ok' as const, sample: result } }),
        ...(intent === undefined ? {} : { intent: { text: intent } }),
      })
      expect({ ...contents[at], refs: values(python.refs[at] ?? []) }).toEqual({ ...contents[at], refs: values(refs) })
      seen += refs.length
      const redacted = redactor.event(cloudEvent({ args }))?.data.args
      expect(python.redacted[at]).toEqual(redacted)
    }
    expect(seen).toBeGreaterThan(1_000)
  },
  120_000,
)

const call = (tool: string, more: object = {}) => ({
  agent: { id: 'bot', role: 'clerk' },
  session: { id: 'run-1', kind: 'run' },
  server: { id: 'files' },
  tool: { name: tool, annotations: { readOnlyHint: tool.startsWith('read') } },
  args: { path: '/a', password: 'hunter22' },
  ...more,
})

interface Told {
  readonly allowed: boolean
  readonly code: string
  readonly origin: string
  readonly why: string | null
  readonly stepped_up: boolean
}

test.skipIf(!found.available)(
  'a Belay that runs is obeyed, by callback and by stream, and takes every event',
  async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const told = new PythonDriver(command)
    const streaming = new PythonDriver(command)
    await told.run({ options: { url, source: 'urn:pep:told', stream: false, decision_timeout: 20 } })
    await streaming.run({ options: { url, source: 'urn:pep:streaming', content: 'refs', key: KEY, decide: 'always' } })
    const { url: callbacks } = await told.run<{ url: string }>({ listen: [SECRET] })
    const config = join(folder, 'belay.yaml')
    const gateways = [{ name: 'py', url: callbacks, secrets: [{ env: 'GW_SECRET' }], allowPrivate: true }]
    writeFileSync(config, stringify({ refs: { key: { env: 'KEY' } }, containment: { gateways } }))
    const data = join(folder, 'data')
    const start = () =>
      RunningBelay.start(['--config', config, '--data', data, '--port', String(port)], { KEY, GW_SECRET: SECRET })
    let belay = await start()
    const ask = (driver: PythonDriver, tool: string, more: object = {}) => driver.run<Told>({ call: call(tool, more) })
    const contain = async (action: string, target: object) => {
      const answer = await belay.post('/v1/containments', { action, target, reason: 'by hand' })
      expect(answer.status).toBe(201)
      return ((await answer.json()) as { containment_id: string }).containment_id
    }
    const stateOf = async (id: string) =>
      (JSON.parse((await belay.get(`/v1/containments/${id}`)).body) as { state: string }).state

    expect(await ask(told, 'read_file')).toMatchObject({ allowed: true, origin: 'query' })
    const readOnly = await contain('restrict_read_only', { kind: 'session', id: 'run-1', agent: 'bot' })
    expect(await told.run({ wait: 'held' })).toEqual({ holds: true })
    expect(await ask(told, 'read_file')).toMatchObject({ allowed: true, code: 'restrict_read_only' })
    expect(await ask(told, 'send_money')).toMatchObject({ allowed: false, origin: 'callback' })
    await expect.poll(() => stateOf(readOnly), { timeout: 30_000 }).toBe('in_effect')
    expect(await streaming.run({ wait: 'held' })).toEqual({ holds: true })
    expect(await ask(streaming, 'send_money')).toMatchObject({ allowed: false, code: 'restrict_read_only' })

    // Belay dies: what is contained stays so, and is still so when it is back.
    await belay.end('SIGKILL')
    expect(await ask(told, 'send_money')).toMatchObject({ allowed: false, origin: 'callback' })
    expect(await streaming.run({ wait: 'away' })).toEqual({ holds: true })
    expect(await ask(streaming, 'send_money')).toMatchObject({
      allowed: false,
      code: 'restrict_read_only',
      origin: 'cache',
    })
    belay = await start()
    expect(await streaming.run({ wait: 'live' })).toEqual({ holds: true })
    await belay.post(`/v1/containments/${readOnly}/release`, { reason: 'was fine' })
    expect([await told.run({ wait: 'free' }), await streaming.run({ wait: 'free' })]).toEqual([
      { holds: true },
      { holds: true },
    ])
    expect(await ask(told, 'send_money')).toMatchObject({ allowed: true })
    // A slow machine may miss the time for a verdict; the next try, after the breaker's pause, finds it.
    const origin = async () => (await ask(streaming, 'send_money')).origin
    await expect.poll(origin, { timeout: 60_000, interval: 500 }).toBe('query')

    const agent = { id: 'bot-2' }
    const stepUp = await contain('require_step_up', { kind: 'agent', id: 'bot-2' })
    expect(await told.run({ wait: 'held' })).toEqual({ holds: true })
    const answerAll = async (verdict: 'approve' | 'deny') => {
      const listed = JSON.parse((await belay.get('/v1/approvals')).body) as { approvals: { approval_id: string }[] }
      for (const { approval_id: id } of listed.approvals)
        expect((await belay.post(`/v1/approvals/${id}/${verdict}`, { reason: 'looked' })).status).toBe(200)
      return listed.approvals.length
    }
    expect(await ask(told, 'send_money', { agent })).toMatchObject({ allowed: false, code: 'require_step_up' })
    expect(await answerAll('approve')).toBe(1)
    expect(await ask(told, 'send_money', { agent, args: { to: 'somebody else' } })).toMatchObject({ allowed: false })
    expect(await ask(told, 'send_money', { agent })).toMatchObject({ allowed: false })
    expect(await answerAll('approve')).toBe(1)
    expect(await ask(told, 'send_money', { agent })).toMatchObject({ allowed: true, stepped_up: true })
    expect(await ask(told, 'send_money', { agent })).toMatchObject({ allowed: false })
    expect(await answerAll('deny')).toBe(1)
    expect((await ask(told, 'send_money', { agent })).why).toContain('denied')
    await belay.post(`/v1/containments/${stepUp}/release`, { reason: 'was fine' })

    const sums = [await told.run({ end: {} }), await streaming.run({ end: {} })]
    expect(sums).toEqual([
      { sent: expect.any(Number), dropped: 0, refused: 0 },
      { sent: expect.any(Number), dropped: 0, refused: 0 },
    ])
    await Promise.all([told.stop(), streaming.stop()])
    const deadLetters = JSON.parse((await belay.get('/v1/dead-letters')).body) as { dead_letters: unknown[] }
    expect(deadLetters.dead_letters).toEqual([])
    expect(await belay.end('SIGTERM')).toBe(0)

    const rows = storedEvents(join(data, 'chdb'))
    const bySource = (source: string) => rows.filter((row) => row.source === source).map(({ data }) => data)
    const own = bySource('urn:pep:told')
    expect(own).toHaveLength(sums[0]?.sent as number)
    // What was asked by `/v1/decide` was told there.
    expect(bySource('urn:pep:streaming').length).toBeGreaterThan(sums[1]?.sent as number)
    const requests = own.filter(({ op, phase }) => op === 'tools/call' && phase === 'request')
    expect(requests.length).toBe(own.filter(({ op, phase }) => op === 'tools/call' && phase === 'response').length)
    expect(requests[0]).toMatchObject({
      args_sha256: sha256Hex(canonicalJson(call('').args)),
      args: { path: '/a', password: { $redacted: 'secret' } },
      args_redacted: ['/password'],
      seq: 1,
    })
    expect(own.some(({ auth }) => auth?.outcome === 'step_up_ok')).toBe(true)
    expect(JSON.stringify(bySource('urn:pep:streaming'))).not.toContain('/a')
    expect(JSON.stringify(rows)).not.toContain('hunter22')
  },
  180_000,
)

function storedEvents(folder: string): readonly CloudEvent[] {
  const session = new Session(folder)
  try {
    const lines = session.query('SELECT event FROM belay.events ORDER BY time', 'JSONEachRow').trim().split('\n')
    return lines.map((line) => JSON.parse((JSON.parse(line) as { event: string }).event) as CloudEvent)
  } finally {
    session.close()
  }
}
