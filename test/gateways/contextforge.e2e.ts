import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { RunningBelay } from '../run/belay.ts'
import { kafkaBroker } from '../services/kafka.ts'
import { pythonEnv } from '../services/python-env.ts'
import { redisServer } from '../services/redis.ts'
import { freePort } from '../services/service.ts'
import { ContextForge, Everything } from './contextforge.ts'

// Goal: containment takes effect at a gateway that nobody here wrote, and comes undone. Method: a client of the official
// SDK -> ContextForge with the plugin -> a counting proxy -> the official server-everything; Belay on real Kafka and
// Redis. A call counts as held back when its caller was told so and it never reached the server.
const ROUNDS = Number(process.env.ROUNDS ?? 50)
const env = pythonEnv('mcp-contextforge-gateway==1.0.7')
const kafka = await kafkaBroker()
const redis = await redisServer()
const runs = env.available && kafka.available && redis.available
const folder = mkdtempSync(join(tmpdir(), 'belay-contextforge-'))
const tokens = { PEP_TOKEN: 'the-token-of-the-gateway', PERSON_TOKEN: 'the-token-of-a-person' }

let port: number
let belay: RunningBelay
let everything: Everything
let gateway: ContextForge
/** the same with the plugin's `decide: always` */
let asking: ContextForge
const clients: Client[] = []

beforeAll(async () => {
  if (!env.available || !kafka.available || !redis.available) return
  port = await freePort()
  mkdirSync(join(folder, 'rules'))
  writeFileSync(join(folder, 'rules/environment.yml'), stringify(RULE))
  writeFileSync(
    join(folder, 'belay.yaml'),
    stringify({
      tokens: [
        { name: 'gateway', token: { env: 'PEP_TOKEN' }, scopes: ['pep'], sources: ['urn:pep:contextforge'] },
        { name: 'ada', token: { env: 'PERSON_TOKEN' }, scopes: ['responder', 'analyst'] },
      ],
      kafka: { brokers: [...kafka.service.brokers] },
      redis: { url: redis.service.url },
      rules: { folders: [join(folder, 'rules')] },
      // Every session of this test may be contained without a person.
      containment: { budget: { sessions: 1, agents: 1, tools: 1 } },
    }),
  )
  const interpreter = env.service
  const began = Date.now()
  const settings = { url: `http://127.0.0.1:${port}`, token_env: 'BELAY_TOKEN', source: 'urn:pep:contextforge' }
  const secrets = { BELAY_TOKEN: tokens.PEP_TOKEN }
  const forge = (name: string, more: object) =>
    ContextForge.start(interpreter, join(folder, name), { ...settings, ...more }, secrets)
  ;[belay, everything, gateway, asking] = await Promise.all([
    startBelay(),
    Everything.start(),
    forge('gateway', {}),
    forge('asking', { source: 'urn:pep:contextforge:asking', decide: 'always' }),
  ])
  for (const one of [gateway, asking]) await one.register('everything', everything.url)
  console.log(`everything is up after ${((Date.now() - began) / 1_000).toFixed(1)} s`)
}, 600_000)

afterAll(async () => {
  for (const client of clients) await client.close()
  await Promise.all([gateway?.stop(), asking?.stop(), everything?.stop()])
  await belay?.end('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

/** The anomaly of this test: a tool that shows the server's environment. */
const RULE = {
  title: 'The environment of a server is read',
  name: 'environment-read',
  status: 'stable',
  level: 'high',
  description: 'An agent reads the environment variables of an MCP server.',
  logsource: { category: 'agent_tool_event' },
  detection: { call: { 'tool.name': 'get-env' }, condition: 'call' },
  response: { level: 'suspend_session', lease: '1h' },
  tests: [
    { name: 'it is', match: true, event: { tool: { name: 'get-env' } } },
    { name: 'it is not', match: false, event: { tool: { name: 'echo' } } },
  ],
}

function startBelay(): Promise<RunningBelay> {
  const args = ['--config', join(folder, 'belay.yaml'), '--data', join(folder, 'data'), '--port', String(port)]
  return RunningBelay.start(args, tokens)
}

async function person(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${tokens.PERSON_TOKEN}`, 'content-type': 'application/json' }
  const response = await fetch(`${belay.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

async function contain(action: string, target: object, minutes = 30): Promise<string> {
  const order = { action, target, reason: 'by hand', lease_minutes: minutes }
  const { status, body } = await person('POST', '/v1/containments', order)
  expect(status).toBe(201)
  return (body as { containment_id: string }).containment_id
}

async function stateOf(id: string): Promise<string> {
  return ((await person('GET', `/v1/containments/${id}`)).body as { state: string }).state
}

async function release(id: string): Promise<void> {
  expect((await person('POST', `/v1/containments/${id}/release`, { reason: 'was fine' })).status).toBe(200)
}

async function agent(name: string, session: string, at: ContextForge = gateway): Promise<Client> {
  const client = await at.connect(name, session)
  clients.push(client)
  return client
}

type Outcome = 'ran' | 'held back' | 'neither'

/** What became of a call, by what its caller was told and by whether it reached the server; both must agree. */
async function outcome(client: Client, tool: string, args: object = {}): Promise<Outcome> {
  const before = everything.calls.get(tool) ?? 0
  const result = await client.callTool({ name: `everything-${tool}`, arguments: { ...args } })
  const reached = (everything.calls.get(tool) ?? 0) > before
  const isRefused = result.isError === true && JSON.stringify(result.content).includes('plugin Belay')
  if (isRefused && !reached) return 'held back'
  return !isRefused && reached ? 'ran' : 'neither'
}

const echo = (client: Client) => outcome(client, 'echo', { message: 'hello' })
const toggle = (client: Client) => outcome(client, 'toggle-simulated-logging')
const document = async (client: Client) => {
  const { contents } = await client.readResource({ uri: 'demo://resource/static/document/features.md' })
  return contents.map((one) => ('text' in one ? one.text : '')).join('')
}
const until = (seen: () => Promise<unknown>, wanted: string) =>
  expect.poll(seen, { timeout: 60_000, interval: 100 }).toBe(wanted)

test.skipIf(!runs)(
  'read-only, quarantine, suspension and expiry take effect, are seen to, and come undone',
  async () => {
    const [one, other] = [await agent('bot-1', 'run-1'), await agent('bot-2', 'run-2')]
    expect([await echo(one), await toggle(one), await echo(other)]).toEqual(['ran', 'ran', 'ran'])
    // A lease of one minute, looked at again at the end.
    const short = await contain('suspend_session', { kind: 'session', id: 'run-expires', agent: 'bot-3' }, 1)
    const expiring = await agent('bot-3', 'run-expires')
    await until(() => echo(expiring), 'held back')

    const readOnly = await contain('restrict_read_only', { kind: 'session', id: 'run-1', agent: 'bot-1' })
    await until(() => toggle(one), 'held back')
    expect([await echo(one), await toggle(other)]).toEqual(['ran', 'ran'])
    await until(() => stateOf(readOnly), 'in_effect')
    await release(readOnly)
    await until(() => toggle(one), 'ran')

    const quarantine = await contain('quarantine_tool', { kind: 'tool', id: 'everything/get-sum' })
    const sum = (client: Client) => outcome(client, 'get-sum', { a: 1, b: 2 })
    await until(() => sum(one), 'held back')
    expect([await sum(other), await echo(other)]).toEqual(['held back', 'ran'])
    await until(() => stateOf(quarantine), 'in_effect')
    await release(quarantine)
    await until(() => sum(other), 'ran')

    const first = await contain('suspend_session', { kind: 'session', id: 'run-1', agent: 'bot-1' })
    const second = await contain('suspend_session', { kind: 'agent', id: 'bot-1' })
    await until(() => echo(one), 'held back')
    // ContextForge turns a refused resource into an empty one.
    expect([(await document(one)).length, (await document(other)).length > 100]).toEqual([0, true])
    expect((await one.listTools()).tools.length).toBeGreaterThan(5)
    expect(await echo(other)).toBe('ran')
    await release(first)
    await until(() => stateOf(first), 'released')
    expect(await echo(one)).toBe('held back')
    await release(second)
    await until(() => echo(one), 'ran')

    await until(() => echo(expiring), 'ran')
    expect(['expired', 'in_effect']).toContain(await stateOf(short))
    await until(() => stateOf(short), 'expired')
  },
  300_000,
)

test.skipIf(!runs)(
  'a step-up is granted once, for the very call that a person saw, and a no is a no',
  async () => {
    const client = await agent('bot-4', 'run-4')
    const id = await contain('require_step_up', { kind: 'session', id: 'run-4', agent: 'bot-4' })
    const say = (message: string) => outcome(client, 'echo', { message })
    await until(() => say('pay ada'), 'held back')
    const answer = async (verdict: 'approve' | 'deny') => {
      const { approvals } = (await person('GET', '/v1/approvals')).body as { approvals: { approval_id: string }[] }
      expect(approvals).toHaveLength(1)
      const path = `/v1/approvals/${approvals[0]?.approval_id}/${verdict}`
      expect((await person('POST', path, { reason: 'looked at it' })).status).toBe(200)
    }
    await answer('approve')
    expect(await say('pay ada')).toBe('ran')
    expect(await say('pay ada')).toBe('held back')
    expect(await say('pay eve')).toBe('held back')
    await answer('deny')
    expect(await say('pay eve')).toBe('held back')
    expect(await stateOf(id)).toBe('in_effect')
    await release(id)
    await until(() => say('pay eve'), 'ran')
  },
  180_000,
)

test.skipIf(!runs)(
  'from the anomalous call to the first one held back',
  async () => {
    const times: Record<string, number[]> = { 'after the call': [], 'before the call': [] }
    let passed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const client = await agent(`bot-a${round}`, `run-a${round}`)
      await echo(client)
      const began = performance.now()
      expect(await outcome(client, 'get-env')).toBe('ran')
      while ((await echo(client)) === 'ran') passed++
      times['after the call']?.push(performance.now() - began)
    }
    for (let round = 0; round < ROUNDS; round++) {
      const client = await agent(`bot-b${round}`, `run-b${round}`, asking)
      await echo(client)
      const began = performance.now()
      expect(await outcome(client, 'get-env')).toBe('held back')
      times['before the call']?.push(performance.now() - began)
    }
    const plain: number[] = []
    const client = await agent('bot-c', 'run-c')
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now()
      expect(await echo(client)).toBe('ran')
      plain.push(performance.now() - began)
    }
    for (const [name, list] of Object.entries({ ...times, 'a call that runs': plain }))
      console.log(`${name}: p50 ${quantile(list, 0.5)} ms, p99 ${quantile(list, 0.99)} ms of ${list.length}`)
    console.log(`calls that ran between the anomalous one and the first held back: ${passed} in ${ROUNDS} rounds`)
  },
  600_000,
)

test.skipIf(!runs)(
  'what is contained stays contained while Belay is dead and after it is back, and is released then',
  async () => {
    const client = await agent('bot-5', 'run-5')
    const id = await contain('suspend_session', { kind: 'session', id: 'run-5', agent: 'bot-5' })
    await until(() => echo(client), 'held back')
    await belay.end('SIGKILL')
    expect([await echo(client), await echo(await agent('bot-6', 'run-6'))]).toEqual(['held back', 'ran'])
    belay = await startBelay()
    expect(await echo(client)).toBe('held back')
    await until(() => stateOf(id), 'in_effect')
    await release(id)
    await until(() => echo(client), 'ran')
    const { body } = await person('GET', '/v1/containments')
    const states = (body as { containments: { state: string }[] }).containments.map(({ state }) => state)
    expect(states).not.toContain('ineffective')
  },
  180_000,
)

function quantile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN).toFixed(0)
}
