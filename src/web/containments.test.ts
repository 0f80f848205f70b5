import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SqliteApprovals } from '../dispatch/approvals/sqlite.ts'
import { DispatchDatabase } from '../dispatch/database.ts'
import type { ContainmentDesk } from '../dispatch/desk.ts'
import { History } from '../dispatch/history.ts'
import type { DispatchObserver } from '../dispatch/observer.ts'
import { openOffice } from '../dispatch/office.ts'
import { SqlitePosture } from '../dispatch/posture/sqlite.ts'
import { PostureError } from '../dispatch/posture.ts'
import { Outbox } from '../dispatch/queue/outbox.ts'
import { Routes } from '../dispatch/routes.ts'
import { LEVELS, type Order } from '../model/index.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { order } from '../testing/orders.ts'
import type { Principal } from './auth.ts'
import { containmentRoutes } from './containments.ts'
import { createServer } from './server.ts'

const SILENT: DispatchObserver = {
  changed: () => undefined,
  opened: () => undefined,
  attempted: () => undefined,
  acknowledged: () => undefined,
  ended: () => undefined,
  notContained: () => undefined,
  approval: () => undefined,
  overBudget: () => undefined,
  historyDropped: () => undefined,
  failed: () => undefined,
}

const POLICY = {
  answerMs: 900_000,
  validMs: 300_000,
  people: 1,
  unanswered: { call: 'deny', containment: 'deny' },
} as const
const ROLES: Readonly<Record<string, string>> = { bot: 'clerk' }
const guard = { admit: (order: Order) => order }

const PRINCIPALS: Readonly<Record<string, Principal>> = {
  gw: { name: 'gw-1', tenant: 'default', scopes: new Set(['pep']), anonymous: false },
  ada: { name: 'ada', tenant: 'default', scopes: new Set(['responder']), anonymous: false },
  eve: { name: 'eve', tenant: 'other', scopes: new Set(['admin']), anonymous: false },
}

describe('containment routes', () => {
  const clock = new ManualClock()
  let dir: string
  let db: DispatchDatabase
  let posture: SqlitePosture
  let desk: ContainmentDesk
  let server: FastifyInstance
  let pings: (() => void)[]

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'belay-web-'))
    db = new DispatchDatabase(join(dir, 'dispatch.db'))
    posture = new SqlitePosture(db, clock.now())
    const queue = new Outbox(db, clock, { concurrencyPerGateway: 1, onError: () => undefined })
    const history = new History(async () => undefined, clock, SILENT)
    const parts = { posture, routes: new Routes([]), history, observe: SILENT, clock }
    const book = new SqliteApprovals(db)
    desk = openOffice({
      ...parts,
      queue,
      random: () => 0.5,
      allowed: new Set(LEVELS),
      guard,
      roleOf: () => undefined,
      book,
      approvalPolicy: POLICY,
    }).desk
    pings = []
    const every = (_ms: number, run: () => void) => {
      pings.push(run)
      return () => undefined
    }
    server = await createServer({
      authenticate: (header) => {
        const principal = PRINCIPALS[header ?? '']
        return principal === undefined ? { kind: 'refused', why: 'who?' } : { kind: 'known', principal }
      },
      probes: [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      plugins: [containmentRoutes({ posture, desk, roleOf: (_tenant, agent) => ROLES[agent], now: clock.now, every })],
      onError: (error) => {
        throw error
      },
    })
  })
  afterEach(async () => {
    await server.close()
    db.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const ask = (who: string, method: 'GET' | 'POST' | 'DELETE', url: string, over: object = {}) =>
    server.inject({ method, url, headers: { authorization: who }, ...over })
  const place = async (over: Partial<Order> = {}): Promise<Order> => {
    const one = order({ issuedMs: clock.now(), ...over })
    await desk.place([one])
    return one
  }

  it('decides as the contract writes it, for the tenant of whoever asks', async () => {
    const allowed = await ask('gw', 'GET', '/v1/decisions?session=s1&agent=agent-1')
    expect([allowed.statusCode, allowed.json()]).toEqual([200, { action: 'allow', ttl: 2 }])
    const one = await place({ target: { kind: 'session', id: 's1', agent: 'agent-1' } })
    const contained = await ask('gw', 'GET', '/v1/decisions?session=s1&agent=agent-1&server=files&tool=read_file')
    expect(contained.json()).toEqual({
      action: 'suspend_session',
      containment_id: one.id,
      expires_at: new Date(one.expiresMs).toISOString(),
      ttl: 2,
    })
    expect((await ask('eve', 'GET', '/v1/decisions?session=s1&tenant=default')).json()).toMatchObject({
      action: 'allow',
    })
    expect((await ask('nobody', 'GET', '/v1/decisions?session=s1')).statusCode).toBe(401)
  })

  it('answers 304 while the decision stays the same', async () => {
    const url = '/v1/decisions?session=s1'
    const etag = String((await ask('gw', 'GET', url)).headers.etag)
    const headers = { authorization: 'gw', 'if-none-match': etag }
    const same = await server.inject({ method: 'GET', url, headers })
    expect([same.statusCode, same.body]).toEqual([304, ''])
    await place({ target: { kind: 'session', id: 's1' } })
    expect((await server.inject({ method: 'GET', url, headers })).statusCode).toBe(200)
  })

  it('lists what is in force, and with monitor orders what is planned', async () => {
    const one = await place()
    const watched = await place({ mode: 'monitor' })
    await place({ tenant: 'other' })
    const active = (await ask('gw', 'GET', '/v1/containments?active=true')).json()
    expect(active).toMatchObject({ revision: 3, containments: [{ containment_id: one.id, state: 'requested' }] })
    expect(active.containments).toHaveLength(1)
    const all = (await ask('gw', 'GET', '/v1/containments')).json().containments
    expect(all.map((row: { containment_id: string }) => row.containment_id)).toEqual([one.id, watched.id])
  })

  it('contains and releases for a responder, and for nobody else', async () => {
    const body = {
      action: 'suspend_session',
      target: { kind: 'agent', id: 'bot' },
      reason: 'looks wrong',
      lease_minutes: 5,
    }
    expect((await ask('gw', 'POST', '/v1/containments', { payload: body })).statusCode).toBe(403)
    const made = await ask('ada', 'POST', '/v1/containments', { payload: body })
    expect(made.statusCode).toBe(201)
    const row = made.json()
    expect(row).toMatchObject({ action: 'suspend_session', cause: 'operator', severity: 'high', revision: 1 })
    expect(Date.parse(row.expires_at) - Date.parse(row.issued_at)).toBe(300_000)
    const url = String(made.headers.location)
    expect((await ask('gw', 'GET', url)).json()).toEqual(row)
    expect((await ask('gw', 'POST', `${url}/release`, { payload: {} })).statusCode).toBe(403)
    const freed = await ask('ada', 'POST', `${url}/release`, { payload: { reason: 'was fine' } })
    expect(freed.json()).toMatchObject({ state: 'released', released_by: 'ada', detail: 'was fine', revision: 2 })
    expect((await ask('ada', 'DELETE', url)).json()).toMatchObject({ state: 'released', detail: 'was fine' })
    expect((await ask('gw', 'GET', '/v1/decisions?agent=bot')).json()).toMatchObject({ action: 'allow' })
  })

  it('throws the kill switch of a role and of the own tenant, for every decision about them', async () => {
    const decide = async (query: string) => (await ask('gw', 'GET', `/v1/decisions?${query}`)).json().action
    const kill = (kind: string, id: string) =>
      ask('ada', 'POST', '/v1/containments', {
        payload: { action: 'suspend_session', target: { kind, id }, reason: 'stop' },
      })
    const role = (await kill('role', 'clerk')).json()
    expect(await decide('session=s1&agent=bot')).toBe('suspend_session')
    expect(await decide('session=s1&agent=unknown&role=clerk')).toBe('suspend_session')
    expect(await decide('session=s1&agent=other')).toBe('allow')
    expect((await kill('tenant', 'other')).statusCode).toBe(403)
    const tenant = (await kill('tenant', 'default')).json()
    expect(await decide('session=s1&agent=other')).toBe('suspend_session')
    for (const { containment_id: id } of [role, tenant]) await ask('ada', 'DELETE', `/v1/containments/${id}`)
    expect(await decide('session=s1&agent=bot')).toBe('allow')
  })

  it('frees with a release that says nothing', async () => {
    const one = await place()
    const freed = await ask('ada', 'POST', `/v1/containments/${one.id}/release`)
    expect(freed.json()).toMatchObject({ state: 'released', released_by: 'ada' })
  })

  it('renews for a responder', async () => {
    const one = await place()
    const url = `/v1/containments/${one.id}/renew`
    const payload = { lease_minutes: 600 }
    expect((await ask('gw', 'POST', url, { payload })).statusCode).toBe(403)
    expect((await ask('eve', 'POST', url, { payload })).statusCode).toBe(404)
    const renewed = (await ask('ada', 'POST', url, { payload })).json()
    expect(renewed).toMatchObject({ state: 'renewed', revision: 2 })
    expect(Date.parse(renewed.expires_at)).toBe(clock.now() + 36_000_000)
  })

  it('takes the late word of a gateway', async () => {
    const one = await place()
    const payload = { status: 'applied', containment_id: one.id, detail: 'at last' }
    const taken = await ask('gw', 'POST', `/v1/containments/${one.id}/ack`, { payload })
    expect([taken.statusCode, taken.json()]).toMatchObject([200, { state: 'acknowledged', detail: 'at last' }])
  })

  it('hides what belongs to another tenant', async () => {
    const one = await place()
    const url = `/v1/containments/${one.id}`
    const answers = [
      await ask('eve', 'GET', url),
      await ask('eve', 'DELETE', url),
      await ask('eve', 'POST', `${url}/release`, { payload: {} }),
      await ask('eve', 'POST', `${url}/ack`, { payload: { status: 'applied' } }),
    ]
    for (const answer of answers) {
      expect(answer.statusCode).toBe(404)
      expect(answer.headers['content-type']).toContain('application/problem+json')
    }
    expect(await posture.get(one.id)).toMatchObject({ state: 'requested' })
  })

  it.each([
    {},
    { action: 'monitor', target: { kind: 'agent', id: 'x' }, reason: 'r' },
    { action: 'suspend_session', target: { kind: 'planet', id: 'x' }, reason: 'r' },
    { action: 'suspend_session', target: { kind: 'agent', id: '' }, reason: 'r' },
    { action: 'suspend_session', target: { kind: 'agent', id: 'x' }, reason: 'r', lease_minutes: 0 },
  ])('refuses %j with a problem', async (payload) => {
    const answer = await ask('ada', 'POST', '/v1/containments', { payload })
    expect([answer.statusCode, answer.json().status]).toEqual([400, 400])
  })

  it('says 503 when it cannot know, so that the PEP applies its own rule', async () => {
    posture.decide = async () => {
      throw new PostureError('Redis does not answer')
    }
    const answer = await ask('gw', 'GET', '/v1/decisions?session=s1')
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
  })

  describe('stream', () => {
    const open = async (headers: Record<string, string> = {}): Promise<EventReader> => {
      if (!server.server.listening) await server.listen({ host: '127.0.0.1', port: 0 })
      const { port } = server.server.address() as AddressInfo
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const options = { host: '127.0.0.1', port, path: '/v1/decisions/stream' }
        httpRequest({ ...options, headers: { authorization: 'gw', ...headers } }, resolve)
          .once('error', reject)
          .end()
      })
      return new EventReader(response)
    }

    it('begins with a snapshot, goes on with changes, and pings', async () => {
      const one = await place()
      await place({ mode: 'monitor' })
      const reader = await open()
      expect(reader.contentType).toBe('text/event-stream')
      const snapshot = await reader.next()
      expect(snapshot).toMatchObject({ event: 'snapshot', id: '2' })
      expect(JSON.parse(snapshot.data ?? '')).toMatchObject({ revision: 2, containments: [{ containment_id: one.id }] })
      const other = await place()
      await place({ tenant: 'other' })
      await desk.release(one.id, 'ada', 'was fine')
      const [applied, released] = [await reader.next(), await reader.next()]
      expect([applied.event, applied.id, JSON.parse(applied.data ?? '')]).toMatchObject([
        'apply',
        '3',
        { containment_id: other.id, revision: 1 },
      ])
      expect([released.event, released.id, JSON.parse(released.data ?? '')]).toMatchObject([
        'release',
        '5',
        { containment_id: one.id, revision: 2 },
      ])
      for (const ping of pings) ping()
      expect((await reader.next()).comment).toBe('ping')
      reader.close()
    })

    it('resumes after Last-Event-ID with what was missed only', async () => {
      const known = await place()
      const missed = await place()
      await desk.release(known.id, 'ada', 'was fine')
      const reader = await open({ 'last-event-id': '1' })
      expect((await reader.next()).comment).toBe('resumed')
      const [applied, released] = [await reader.next(), await reader.next()]
      expect([applied.event, JSON.parse(applied.data ?? '').containment_id]).toEqual(['apply', missed.id])
      expect([released.event, JSON.parse(released.data ?? '').containment_id]).toEqual(['release', known.id])
      reader.close()
      const foreign = await open({ 'last-event-id': '999' })
      expect((await foreign.next()).event).toBe('snapshot')
      foreign.close()
    })

    it('ends when the server closes', async () => {
      const reader = await open()
      await reader.next()
      const closed = server.close()
      expect((await reader.next()).event).toBeUndefined()
      await closed
    })
  })
})

interface StreamEvent {
  readonly id?: string
  readonly event?: string
  readonly data?: string
  readonly comment?: string
}

/** Reads server-sent events one by one; an event without any field when the stream has ended. */
class EventReader {
  readonly contentType: string | undefined
  private readonly response: IncomingMessage
  private readonly chunks: AsyncIterator<Buffer>
  private text = ''

  constructor(response: IncomingMessage) {
    this.response = response
    this.contentType = response.headers['content-type']
    this.chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  async next(): Promise<StreamEvent> {
    for (;;) {
      const end = this.text.indexOf('\n\n')
      if (end >= 0) {
        const block = this.text.slice(0, end)
        this.text = this.text.slice(end + 2)
        return Object.fromEntries(block.split('\n').map(fieldOf))
      }
      const { value, done } = await this.chunks.next()
      if (done === true) return {}
      this.text += value.toString('utf8')
    }
  }

  close(): void {
    this.response.destroy()
  }
}

function fieldOf(line: string): readonly [string, string] {
  const [name = '', value = ''] = line.split(/: (.*)/s)
  return [name === '' ? 'comment' : name, value]
}
