import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { RunningBelay } from '../run/belay.ts'

/**
 * Goal: an agent behind `belay proxy` is held and freed as Belay says, and goes on when Belay is away. Method: the
 * official SDK's client, the official server-everything, a real Belay in a process of its own, killed in the middle.
 */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const EVERYTHING = 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'
const data = mkdtempSync(join(tmpdir(), 'belay-proxy-'))
const client = new Client({ name: 'test-agent', version: '1.0.0' })
let port: number
let belay: RunningBelay

beforeAll(async () => {
  port = await freePort()
  belay = await start()
  const proxy = ['proxy', '--agent', 'tester', '--role', 'testing', '--session', 'run-1', '--server', 'everything']
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: ['--import', 'tsx', '--conditions=source', 'src/run/main.ts', ...proxy, '--', process.execPath, EVERYTHING],
      env: { PATH: process.env.PATH ?? '', BELAY_URL: belay.url },
      stderr: 'ignore',
    }),
  )
  await client.listTools()
})
afterAll(async () => {
  await client.close()
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

test('Belay is killed: what is contained stays so, the rest goes on; after its restart nothing is missing', async () => {
  const id = await contain('quarantine_tool', { kind: 'tool', id: 'everything/echo' })
  await expect.poll(echo, SOON).toBe('quarantined')
  const before = (await get<{ calls: number }>('/v1/sessions/run-1')).calls
  await belay.end('SIGKILL')
  expect(await echo()).toBe('quarantined')
  for (let i = 0; i < 5; i++) expect(await codeOf('get-sum', { a: i, b: i })).toBe('made')
  belay = await start()
  await expect
    .poll(async () => (await get<{ calls: number }>('/v1/sessions/run-1')).calls, SOON)
    .toBeGreaterThanOrEqual(before + 6)
  expect(await echo()).toBe('quarantined')
  await release(id)
  await expect.poll(echo, SOON).toBe('made')
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
