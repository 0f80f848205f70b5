import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseConfig, settingsOf } from '../../src/run/config.ts'
import { type Instance, startInstance } from '../../src/run/instance.ts'
import { createLog } from '../../src/run/log.ts'
import { ACCESS, type Access } from '../../src/web/access.ts'
import type { Scope } from '../../src/web/auth.ts'
import { toolEvent } from './tool-event.ts'

/*
 * Goal: every route of a real instance refuses who it is not for, and whoever holds tokens of another tenant neither
 * reads anything of this one nor changes it. Method: the routes are the access table's, so that a new one is tried too;
 * `acme` owns one of everything, marked with words that the tokens of `rival` never send, and `rival` asks for all of it.
 */

const SCOPES: readonly Scope[] = ['ingest', 'pep', 'analyst', 'responder', 'admin']
const TENANTS = ['acme', 'rival'] as const
/** In everything that acme stores and in nothing that anyone asks. */
const MARK = 'quetzal'
const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`

const data = mkdtempSync(join(tmpdir(), 'belay-access-'))
let belay: Instance
let approvalId: string
let containmentId: string
let letterId: string

const tokenOf = (tenant: string, scope: string): string => `token of ${tenant} ${scope}`.replaceAll(' ', '-')
const envName = (tenant: string, scope: string): string => `TOKEN_${tenant}_${scope}`

beforeAll(async () => {
  const named = TENANTS.flatMap((tenant) => SCOPES.map((scope) => ({ tenant, scope })))
  const tokens = named.map(({ tenant, scope }) => ({
    name: `${tenant}-${scope}`,
    token: { env: envName(tenant, scope) },
    tenant,
    scopes: [scope],
  }))
  const secrets = Object.fromEntries(
    named.map(({ tenant, scope }) => [envName(tenant, scope), tokenOf(tenant, scope)] as const),
  )
  const webhook = { url: 'http://127.0.0.1:9/', secrets: [{ env: 'CHAT' }], allowPrivate: true }
  const forward = [{ name: 'archive', shape: 'json', file: { path: join(data, 'findings.ndjson') } }]
  const config = { data, listen: { port: 0 }, tokens, forward, containment: { approvals: { webhook } } }
  const settings = settingsOf(parseConfig(JSON.stringify(config), 'test'), { ...secrets, CHAT: WEBHOOK_SECRET }, 'test')
  belay = await startInstance(settings, createLog('silent', process.stderr))
  await populate()
}, 120_000)

afterAll(async () => {
  await belay.stop()
  rmSync(data, { recursive: true, force: true })
}, 60_000)

async function ask(token: string | undefined, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(new URL(path, belay.url), {
    method,
    headers: {
      'x-belay-tenant': 'acme',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  })
}

const acme = async (scope: Scope, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
  const response = await ask(tokenOf('acme', scope), method, path, body)
  expect([path, response.ok]).toEqual([path, true])
  return (await response.json()) as Record<string, unknown>
}

const CALL = { agent: 'acme-agent', session: 'acme-session', server: 'acme-server', tool: 'acme-tool' }

function acmeEvent(id: string, more: object) {
  const { data: minimal, ...envelope } = toolEvent(id)
  const names = {
    agent: { id: CALL.agent, role: 'acme-role' },
    session: { id: CALL.session },
    server: { id: CALL.server },
  }
  return { ...envelope, data: { ...minimal, ...names, ...more } }
}

async function populate(): Promise<void> {
  const tool = { name: CALL.tool, description: `${MARK} tool`, description_sha256: 'a'.repeat(64) }
  await acme('ingest', 'POST', '/v1/events', [
    acmeEvent('e1', { op: 'tools/list', tools: [tool] }),
    acmeEvent('e2', { tool: { name: CALL.tool }, args: { note: MARK }, result: { status: 'ok', sample: MARK } }),
  ])
  await ask(tokenOf('acme', 'ingest'), 'POST', '/v1/events', { [MARK]: true })
  const target = { kind: 'session', id: CALL.session, agent: CALL.agent }
  const order = { action: 'require_step_up', target, reason: MARK }
  containmentId = String((await acme('responder', 'POST', '/v1/containments', order)).containment_id)
  approvalId = String((await acme('pep', 'POST', '/v1/step-ups', { ...CALL, args: { note: MARK } })).id)
  const { dead_letters: letters } = await acme('analyst', 'GET', '/v1/dead-letters')
  letterId = (letters as readonly { readonly id: string }[])[0]?.id ?? ''
}

interface Route {
  readonly key: string
  readonly method: string
  readonly path: string
  readonly access: Access
}

/** Every route, its parameters filled with what acme owns. */
function routes(): readonly Route[] {
  return Object.entries<Access>(ACCESS).map(([key, access]) => {
    const [method = '', pattern = ''] = key.split(' ')
    const id = pattern.includes('containments')
      ? containmentId
      : pattern.includes('dead-letters')
        ? letterId
        : approvalId
    const filled: Readonly<Record<string, string>> = { ...CALL, id, event: 'e2', role: 'acme-role' }
    const path = pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(filled[name] ?? 'acme'))
    return { key, method, path, access }
  })
}

const QUERIES: Readonly<Record<string, string>> = {
  'GET /v1/decisions': '?session=acme-session&agent=acme-agent&tenant=acme',
  'GET /v1/baseline-diff': '?role=acme-role&from=1&to=2&tenant=acme',
  'GET /v1/approvals': '?state=all',
  'GET /v1/sessions': '?limit=1000',
}

/** Bodies that would change what acme has. */
function bodyFor(key: string): unknown {
  const target = { kind: 'session', id: CALL.session, agent: CALL.agent }
  switch (key) {
    case 'POST /v1/events':
    case 'POST /v1/decide':
      return acmeEvent('hostile', { tenant: 'acme', phase: 'request' })
    case 'POST /v1/containments':
      return { action: 'suspend_session', target, reason: 'mine now' }
    case 'POST /v1/containments/:id/renew':
      return { lease_minutes: 43_200 }
    case 'POST /v1/hunt':
      return { sql: 'SELECT * FROM events' }
    case 'POST /v1/findings/:id/disposition':
      return { disposition: 'benign', reason: 'mine now' }
    case 'POST /v1/containments/:id/ack':
      return { status: 'applied' }
    case 'POST /v1/step-ups':
    case 'POST /v1/step-ups/:id/redeem':
      return { ...CALL, args: {}, nonce: 'guessed', call_id: 'c' }
    default:
      return { reason: 'mine now', version: '1' }
  }
}

/** What it answered; of a stream, what came first. */
async function textOf(response: Response, key: string): Promise<string> {
  if (key !== 'GET /v1/decisions/stream' || response.body === null) return response.text()
  const reader = response.body.getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return Buffer.from(value ?? []).toString()
}

const bodyOf = ({ method, key }: Route): unknown => (method === 'POST' ? bodyFor(key) : undefined)
const isFor = (access: Access, scope: Scope): boolean =>
  access === 'public' || scope === 'admin' || access.includes(scope)

test('who is not known gets nowhere', async () => {
  for (const { key, method, path } of routes().filter(({ access }) => access !== 'public'))
    for (const token of [undefined, 'guessed'])
      expect([key, (await ask(token, method, path)).status]).toEqual([key, 401])
}, 60_000)

test('every route is served, and only to whom the table says', async () => {
  for (const route of routes()) {
    const { key, method, path, access } = route
    for (const scope of SCOPES) {
      const response = await ask(tokenOf('rival', scope), method, `${path}${QUERIES[key] ?? ''}`, bodyOf(route))
      const text = await textOf(response, key)
      expect([key, scope, text.includes('needs a token with the scope')]).toEqual([key, scope, !isFor(access, scope)])
      expect([key, response.status < 500]).toEqual([key, true])
      expect(text).not.toContain('nothing answers')
      expect([key, scope, text.includes(MARK)]).toEqual([key, scope, false])
    }
  }
}, 120_000)

test('the tenant itself sees what the others were not shown', async () => {
  const shown: string[] = []
  for (const { key, method, path } of routes()) {
    if (method !== 'GET') continue
    const text = await textOf(await ask(tokenOf('acme', 'admin'), method, `${path}${QUERIES[key] ?? ''}`), key)
    if (text.includes(MARK)) shown.push(key)
  }
  expect(shown).toEqual(
    expect.arrayContaining([
      'GET /v1/containments',
      'GET /v1/containments/:id',
      'GET /v1/decisions/stream',
      'GET /v1/approvals/:id',
    ]),
  )
}, 60_000)

test('nothing of the tenant has changed by then', async () => {
  expect(await acme('responder', 'GET', `/v1/containments/${containmentId}`)).toMatchObject({
    state: 'requested',
    action: 'require_step_up',
  })
  const decided = await acme('pep', 'GET', '/v1/decisions?session=acme-session&agent=acme-agent')
  expect(decided).toMatchObject({ action: 'require_step_up', containment_id: containmentId })
  expect(await acme('analyst', 'GET', `/v1/approvals/${approvalId}`)).toMatchObject({ state: 'pending', votes: [] })
  expect(await acme('analyst', 'GET', '/v1/sessions/acme-session')).toMatchObject({ calls: 2 })
  expect(await acme('admin', 'GET', `/v1/dead-letters/${encodeURIComponent(letterId)}`)).toMatchObject({
    replayed: null,
  })
  expect(await acme('analyst', 'GET', '/v1/baselines/acme-role/versions')).not.toHaveProperty(
    'pinned.by',
    'rival-responder',
  )
}, 60_000)

test('a token whose scopes are not stated only sends events', () => {
  const { tokens } = parseConfig('tokens: [{ name: gw, sha256: "%0" }]'.replace('%0', 'a'.repeat(64)), 'test')
  expect(tokens[0]?.scopes).toEqual(['ingest'])
})
