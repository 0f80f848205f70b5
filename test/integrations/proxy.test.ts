import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
  type VersionNegotiationMode,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { type HttpProxy, Pep, startHttpProxy } from 'belay/pep'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../../integrations/typescript/clock.ts'
import type { SessionDetail } from '../../src/web/query.ts'
import { RunningBelay } from '../run/belay.ts'
import { BankServer } from './bank-server.ts'

/**
 * Goal: an agent behind `belay proxy` is held and freed as Belay says, and goes on when Belay is away. Method: the
 * official SDK's client, the official server-everything, a real Belay in a process of its own, killed in the middle.
 */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const EVERYTHING = 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'
const data = mkdtempSync(join(tmpdir(), 'belay-proxy-'))
const client = new Client({ name: 'test-agent', version: '1.0.0' })
const bank = new BankServer()
let port: number
let belay: RunningBelay
let pep: Pep
let proxy: HttpProxy
/** the clock of the PEP over HTTP is ahead by so much */
let aheadMs = 0

beforeAll(async () => {
  port = await freePort()
  belay = await start()
  const command = ['proxy', '--agent', 'tester', '--role', 'testing', '--session', 'run-1', '--server', 'everything']
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [
        '--import',
        'tsx',
        '--conditions=source',
        'src/run/main.ts',
        ...command,
        '--',
        process.execPath,
        EVERYTHING,
      ],
      env: { PATH: process.env.PATH ?? '', BELAY_URL: belay.url },
      stderr: 'ignore',
    }),
  )
  await client.listTools()
  pep = new Pep({ url: belay.url, clock: { ...systemClock, now: () => Date.now() + aheadMs } })
  proxy = await startHttpProxy({ pep, known: { server: 'bank', role: 'clerk' }, url: await bank.listen(), port: 0 })
})
afterAll(async () => {
  await client.close()
  await proxy.close()
  await pep.close()
  await bank.close()
  await belay.end('SIGTERM')
  rmSync(data, { recursive: true, force: true })
})

const start = (): Promise<RunningBelay> => RunningBelay.start(['--data', data, '--port', String(port)])

const SESSION = { kind: 'session', id: 'run-1', agent: 'tester' }

async function contain(action: string, target: object = SESSION): Promise<string> {
  const answer = await belay.post('/v1/containments', { action, target, reason: 'test' })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { containment_id: string }).containment_id
}

async function release(id: string): Promise<void> {
  expect((await belay.post(`/v1/containments/${id}/release`, { reason: 'done' })).status).toBe(200)
}

const stateOf = async (id: string): Promise<string> => (await get<{ state: string }>(`/v1/containments/${id}`)).state

async function get<T>(path: string): Promise<T> {
  return JSON.parse((await belay.get(path)).body) as T
}

interface Refused {
  readonly code: string
  readonly containmentId: string
  readonly approvalId: string
}

/** `made`, or the particulars of the refusal as a program finds them. */
async function call(name: string, args: Record<string, unknown> = {}): Promise<'made' | Refused> {
  const result = (await client.callTool({ name, arguments: args })) as CallToolResult
  const refusal = result._meta?.['belay/refusal'] as Refused | undefined
  if (refusal === undefined) return 'made'
  expect(result).toMatchObject({
    isError: true,
    content: [{ type: 'text', text: expect.stringContaining('Refused by Belay') }],
  })
  return refusal
}

const codeOf = async (name: string, args?: Record<string, unknown>): Promise<string> => {
  const answer = await call(name, args)
  return answer === 'made' ? answer : answer.code
}
const echo = (): Promise<string> => codeOf('echo', { message: 'hi' })
const SOON = { timeout: 30_000, interval: 20 }

/** A client of version 2 of the SDK, through the proxy over HTTP. */
async function connected(
  session: string,
  agent: string,
  mode: VersionNegotiationMode = { pin: '2026-07-28' },
): Promise<ModernClient> {
  const capabilities = { elicitation: { form: {} } }
  const made = new ModernClient({ name: 'http-agent', version: '2' }, { versionNegotiation: { mode }, capabilities })
  made.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: {} }))
  const requestInit = { headers: { 'x-session-id': session, 'x-agent-id': agent } }
  await made.connect(new ModernTransport(new URL(proxy.url), { requestInit }))
  return made
}

test('what is not contained passes, and Belay sees it', async () => {
  expect(await echo()).toBe('made')
  await expect
    .poll(async () => (await get<{ calls?: number }>('/v1/sessions/run-1')).calls ?? 0, SOON)
    .toBeGreaterThan(0)
})

test('read-only: tools that say they only read go on, the others are held', async () => {
  const id = await contain('restrict_read_only')
  await expect.poll(() => codeOf('toggle-simulated-logging'), SOON).toBe('read_only')
  expect(await echo()).toBe('made')
  await expect.poll(() => stateOf(id), SOON).toBe('in_effect')
  await release(id)
  await expect.poll(() => codeOf('toggle-simulated-logging'), SOON).toBe('made')
})

test('a quarantined tool is held for everyone, others are not; releasing one containment frees only that one', async () => {
  const first = await contain('quarantine_tool', { kind: 'tool', id: 'everything/echo' })
  const second = await contain('quarantine_tool', { kind: 'tool', id: 'everything/echo' })
  await expect.poll(echo, SOON).toBe('quarantined')
  expect(await codeOf('get-sum', { a: 1, b: 2 })).toBe('made')
  await release(first)
  await expect.poll(async () => ((await call('echo', { message: 'hi' })) as Refused).containmentId, SOON).toBe(second)
  await release(second)
  await expect.poll(echo, SOON).toBe('made')
})

test('a suspended session makes no call and reads nothing, but may still list', async () => {
  const id = await contain('suspend_session')
  await expect.poll(echo, SOON).toBe('suspended')
  const { resources } = await client.listResources()
  await expect(client.readResource({ uri: resources[0]?.uri ?? '' })).rejects.toMatchObject({
    code: -32_010,
    data: { code: 'suspended', containmentId: id },
  })
  await expect.poll(() => stateOf(id), SOON).toBe('in_effect')
  await release(id)
  await expect.poll(echo, SOON).toBe('made')
})

test('step-up: one approval is one call with exactly these arguments; a denial is not asked again', async () => {
  const id = await contain('require_step_up')
  await expect.poll(echo, SOON).toBe('step_up_required')
  const asked = (await call('echo', { message: 'hi' })) as Refused
  expect((await belay.post(`/v1/approvals/${asked.approvalId}/approve`, { reason: 'known' })).status).toBe(200)
  expect(await echo()).toBe('made')
  const again = (await call('echo', { message: 'hi' })) as Refused
  expect(again.code).toBe('step_up_required')
  expect(again.approvalId).not.toBe(asked.approvalId)
  expect((await belay.post(`/v1/approvals/${again.approvalId}/deny`, { reason: 'no' })).status).toBe(200)
  expect(await echo()).toBe('step_up_denied')
  expect(await echo()).toBe('step_up_denied')
  expect(await get('/v1/approvals')).toEqual({ approvals: [] })
  await release(id)
  await expect.poll(echo, SOON).toBe('made')
})

test('Belay is killed: what is contained stays so until its end, the rest goes on; after its restart nothing is missing', async () => {
  const id = await contain('quarantine_tool', { kind: 'tool', id: 'everything/echo' })
  await expect.poll(echo, SOON).toBe('quarantined')
  const held = await connected('run-expiring', 'clerk-3')
  const read = async () => (await held.callTool({ name: 'read_notice', arguments: {} })).isError ?? false
  await contain('suspend_session', { kind: 'session', id: 'run-expiring', agent: 'clerk-3' })
  await expect.poll(read, SOON).toBe(true)
  const before = (await get<{ calls: number }>('/v1/sessions/run-1')).calls
  await belay.end('SIGKILL')
  expect(await echo()).toBe('quarantined')
  expect(await read()).toBe(true)
  aheadMs = 4 * 3_600_000 + 1_000
  expect(await read()).toBe(false)
  aheadMs = 0
  await held.close()
  for (let i = 0; i < 5; i++) expect(await codeOf('get-sum', { a: i, b: i })).toBe('made')
  belay = await start()
  await expect
    .poll(async () => (await get<{ calls: number }>('/v1/sessions/run-1')).calls, SOON)
    .toBeGreaterThanOrEqual(before + 6)
  expect(await echo()).toBe('quarantined')
  await release(id)
  await expect.poll(echo, SOON).toBe('made')
})

test('over HTTP, 2026-07-28: no session, discovery, a tool that asks first; suspension by the id of the run', async () => {
  const agent = await connected('run-http', 'clerk-1')
  expect(agent.getNegotiatedProtocolVersion()).toBe('2026-07-28')
  expect((await agent.listTools()).tools.map(({ name }) => name)).toEqual([
    'read_notice',
    'send_payment',
    'close_account',
  ])
  expect((await agent.callTool({ name: 'close_account', arguments: {} })).content).toMatchObject([
    { text: 'close_account done' },
  ])
  const id = await contain('suspend_session', { kind: 'session', id: 'run-http', agent: 'clerk-1' })
  const pay = () => agent.callTool({ name: 'send_payment', arguments: { to: 'x' } })
  await expect.poll(async () => (await pay())._meta?.['belay/refusal'], SOON).toMatchObject({ code: 'suspended' })
  const ran = bank.ran.length
  expect((await pay()).isError).toBe(true)
  expect(bank.ran).toHaveLength(ran)
  const other = await connected('run-other', 'clerk-1')
  expect((await other.callTool({ name: 'read_notice', arguments: {} })).isError).toBeUndefined()
  await release(id)
  await expect.poll(async () => (await pay()).isError, SOON).toBeUndefined()
  await agent.close()
  await other.close()
  await pep.flush(30_000)
  const { agent: who, role, events } = await get<SessionDetail>('/v1/sessions/run-http')
  expect([who, role]).toEqual(['clerk-1', 'clerk'])
  expect(events.map(({ op, phase, status }) => `${op} ${phase} ${status}`)).toEqual(
    expect.arrayContaining([
      'server/discover response ok',
      'tools/list response ok',
      'tools/call response input_required',
      'tools/call response denied',
    ]),
  )
})

test('over HTTP, 2025-11-25: through the same proxy', async () => {
  const agent = await connected('run-legacy', 'clerk-2', 'legacy')
  expect(agent.getNegotiatedProtocolVersion()).toBe('2025-11-25')
  await agent.listTools()
  const id = await contain('restrict_read_only', { kind: 'agent', id: 'clerk-2' })
  const pay = () => agent.callTool({ name: 'send_payment', arguments: {} })
  await expect.poll(async () => (await pay())._meta?.['belay/refusal'], SOON).toMatchObject({ code: 'read_only' })
  expect((await agent.callTool({ name: 'read_notice', arguments: {} })).isError).toBeUndefined()
  await release(id)
  await agent.close()
})

test('over HTTP a batch, two messages in one and a page of another origin get nowhere', async () => {
  const ran = bank.ran.length
  const post = async (body: string, headers = {}): Promise<number> =>
    (await fetch(proxy.url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }))
      .status
  const pay = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send_payment"}}'
  expect(await post(`[${pay}]`)).toBe(400)
  expect(await post(`${pay}\n${pay}`)).toBe(400)
  expect(await post(pay, { origin: 'https://evil.example' })).toBe(403)
  expect(bank.ran).toHaveLength(ran)
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
