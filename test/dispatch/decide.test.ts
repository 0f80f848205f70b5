import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { canonicalJson, sha256Hex } from '../../src/accept/canonical.ts'
import { createDecoder } from '../../src/accept/decode.ts'
import { HttpSource } from '../../src/accept/http.ts'
import { createRedactor } from '../../src/accept/redact.ts'
import { createRefExtractor } from '../../src/accept/refs.ts'
import { systemClock } from '../../src/dispatch/clock.ts'
import { RedisVerdicts } from '../../src/dispatch/verdicts/redis.ts'
import { LocalVerdicts, type Verdicts } from '../../src/dispatch/verdicts.ts'
import type { Judged, ToolEvent } from '../../src/model/index.ts'
import { runPipeline } from '../../src/pipeline.ts'
import { cloudEvent, toolEvent } from '../../src/testing/events.ts'
import { judgedEvent } from '../../src/testing/judged.ts'
import { order } from '../../src/testing/orders.ts'
import { decideRoute } from '../../src/web/decide.ts'
import { createServer } from '../../src/web/server.ts'
import { redisServer } from '../services/redis.ts'
import { Room } from './room.ts'

const redis = await redisServer()

/** Goal: a PEP is told the verdict of the live path before its call runs, and never waits for the store. */
describe('POST /v1/decide', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  /** The pipeline as it runs, its store away for ever; whoever calls `steal` is suspended. */
  const open = async (verdicts: Verdicts = new LocalVerdicts(systemClock)) => {
    const room = new Room([])
    const source = new HttpSource({ startedMs: Date.now() })
    const stop = new AbortController()
    const running = runPipeline(
      {
        source,
        judge: {
          forget: () => undefined,
          restoreUnknown: async () => undefined,
          judge: (event) => judgedBy(event),
        },
        desk: room.desk,
        watch: { see: () => [] },
        verdicts,
        store: { write: () => Promise.reject(new Error('away')) },
        observe: { judged: () => undefined, done: () => undefined, failed: () => undefined },
        clock: { now: Date.now, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
        maxUnstored: 1_000,
      },
      stop.signal,
    )
    const redactor = createRedactor({ key: 'k' })
    const server = await createServer({
      authenticate: () => ({
        kind: 'known',
        principal: { name: 'gw-1', tenant: 'default', scopes: new Set(['pep']), anonymous: false },
      }),
      probes: [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      plugins: [
        decideRoute({
          ingest: {
            decode: createDecoder({ redactor, refs: createRefExtractor({ key: 'k' }) }),
            delivery: source,
            principalOf: () => ({ name: 'gw-1', tenant: 'default' }),
            now: Date.now,
          },
          verdicts,
          posture: room.posture,
          approvals: room.approvals,
        }),
      ],
      onError: (error) => {
        throw error
      },
    })
    closing.push(async () => {
      await server.close()
      stop.abort()
      await running
      await room.dispose()
    })
    return { room, server }
  }
  const judgedBy = (event: ToolEvent): Judged => {
    const made = judgedEvent(event)
    if (event.data.tool?.name !== 'steal') return made
    const { agent, session } = event.data
    const target = { kind: 'session', id: session.id, agent: agent.id } as const
    return { ...made, orders: [order({ target, issuedMs: Date.now(), id: `c-${event.id}` })] }
  }
  const send = (server: FastifyInstance, data: Parameters<typeof cloudEvent>[0]) =>
    server.inject({
      method: 'POST',
      url: '/v1/decide',
      headers: { 'content-type': 'application/cloudevents+json' },
      payload: JSON.stringify(cloudEvent(data, { id: randomUUID(), time: new Date().toISOString() })),
    })

  it('answers with what the event itself caused, while the store is away', async () => {
    const { server } = await open()
    const fine = await send(server, { session: { id: 's1' } })
    expect([fine.statusCode, fine.json()]).toMatchObject([
      200,
      { action: 'allow', judged: true, finding: false, ttl: 2 },
    ])
    const held = await send(server, { session: { id: 's1' }, tool: { name: 'steal' } })
    expect(held.json()).toMatchObject({ action: 'suspend_session', judged: true })
    expect((await send(server, { session: { id: 's1' } })).json()).toMatchObject({ action: 'suspend_session' })
  })

  it('takes only what is asked before the call, and says what is wrong', async () => {
    const { server } = await open()
    expect((await send(server, { phase: 'response' })).json().detail).toContain('`request`')
    const broken = await server.inject({
      method: 'POST',
      url: '/v1/decide',
      headers: { 'content-type': 'application/json' },
      payload: '{"specversion":"1.0"}',
    })
    expect(broken.statusCode).toBe(400)
  })

  it('lets an approved call pass once, and only with the arguments that were approved', async () => {
    const { room, server } = await open()
    const target = { kind: 'session', id: 's1', agent: 'agent-1' } as const
    await room.desk.place([order({ target, level: 'require_step_up', issuedMs: room.clock.now() })])
    const args = { to: 'DE1', password: 'hunter2' }
    expect((await send(server, { args })).json().action).toBe('allow')
    const call = { session: { id: 's1' }, args }
    expect((await send(server, call)).json().action).toBe('require_step_up')
    const bound = { agent: 'agent-1', session: 's1', server: 'files', tool: 'read_file', caller: 'gw-1' }
    const asked = await room.approvals.askForCall('default', { ...bound, argsSha256: sha256Hex(canonicalJson(args)) })
    if (asked.kind !== 'asked') throw new Error('unreachable')
    const { id, nonce } = asked.approval
    await room.approvals.answer('default', id, { by: 'ada', verdict: 'approve', reason: 'ok' })
    const withStepUp = (over: object = {}) => send(server, { ...call, ext: { step_up: { id, nonce } }, ...over })
    expect((await withStepUp({ args: { to: 'DE2' } })).json()).toMatchObject({
      action: 'require_step_up',
      step_up: { status: 'refused' },
    })
    expect((await withStepUp()).json()).toMatchObject({ action: 'allow', step_up: { status: 'granted' } })
    expect((await withStepUp()).json()).toMatchObject({ action: 'require_step_up' })
  })

  it('lets the PEP decide when no verdict comes, unless something is known to be held', async () => {
    const silent: Verdicts = {
      of: async (_event, deliver) => void deliver().catch(() => undefined),
      tell: () => undefined,
      close: () => undefined,
    }
    const { room, server } = await open(silent)
    const late = await send(server, { session: { id: 's1' } })
    expect([late.statusCode, late.headers['retry-after']]).toEqual([503, '1'])
    await room.desk.place([order({ target: { kind: 'session', id: 's1' }, issuedMs: room.clock.now() })])
    expect((await send(server, { session: { id: 's1' } })).json()).toMatchObject({
      action: 'suspend_session',
      judged: false,
    })
  })

  it.skipIf(!redis.available)('is answered by another process that judges, over Redis', async () => {
    if (!redis.available) return
    const options = { url: redis.service.url, prefix: `{${randomUUID()}}`, onError: () => undefined }
    const [asker, owner] = [
      await RedisVerdicts.connect(systemClock, options),
      await RedisVerdicts.connect(systemClock, options),
    ]
    const event = toolEvent()
    let answered = false
    const word = await asker.of(
      event,
      async () => {
        // The way over the broker takes longer than the question; here it is over when the owner has heard it.
        const tell = (): void => {
          owner.tell([judgedEvent(event)])
          if (!answered) setImmediate(tell)
        }
        tell()
      },
      5_000,
    )
    answered = true
    expect(word).toMatchObject({ finding: false })
    asker.close()
    owner.close()
  })
})
