import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ContextForgeGateway } from '../../src/dispatch/gateway/context-forge.ts'
import type { Target } from '../../src/model/index.ts'
import { gatewaySuite, type Reaction } from '../../src/testing/gateway-suite.ts'
import { lease } from '../../src/testing/orders.ts'
import { Api, type Asked, status } from './api.ts'
import { Room } from './room.ts'

const TOKEN = 'a-session-jwt'

interface Item {
  readonly id: string
  readonly name: string
  enabled: boolean
  readonly [member: string]: unknown
}

/**
 * ContextForge 1.0.7's admin API as it answered by hand (2026-11): names and states as there, an id is none of the name,
 * and switching a server on switches on all of its tools.
 */
class Forge {
  readonly gateways: Item[] = [{ id: 'g1', name: 'Every Thing', slug: 'everything', enabled: true }]
  readonly tools: Item[] = ['echo', 'get-sum'].map((originalName, at) => ({
    id: `t${at}`,
    name: `everything-${originalName}`,
    originalName,
    gatewaySlug: 'everything',
    gatewayId: 'g1',
    enabled: true,
  }))
  readonly tokens = Array.from({ length: 205 }, (_, at) => ({
    id: `k${at}`,
    name: at === 203 ? 'bot' : `other-${at}`,
    user_email: at < 2 ? 'ada@example.com' : 'bob@example.com',
    is_revoked: false,
  }))

  stateOf(name: string): boolean | undefined {
    return this.tools.find(({ originalName }) => originalName === name)?.enabled
  }

  answer = (asked: Asked, response: ServerResponse): void => {
    const { status: code, body } = this.respond(asked)
    response.writeHead(code, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body))
  }

  private respond({ method, url, headers }: Asked): { readonly status: number; readonly body?: unknown } {
    if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { detail: 'Invalid token' } }
    const { pathname, searchParams } = new URL(url, 'http://forge')
    const [, kind, ...rest] = pathname.split('/')
    if (kind === 'tokens') return this.token(method, rest, searchParams)
    const items = kind === 'tools' ? this.tools : this.gateways
    if (method === 'GET') {
      const all = searchParams.get('include_inactive') === 'true'
      const gateway = searchParams.get('gateway_id')
      return {
        status: 200,
        body: items.filter((one) => (all || one.enabled) && (gateway === null || one.gatewayId === gateway)),
      }
    }
    const item = items.find(({ id }) => id === rest[0])
    if (method !== 'POST' || rest[1] !== 'state' || item === undefined)
      return { status: 404, body: { detail: 'not found' } }
    item.enabled = searchParams.get('activate') === 'true'
    if (kind === 'gateways') for (const tool of this.tools) tool.enabled = item.enabled
    return { status: 200, body: { status: 'success', [kind === 'tools' ? 'tool' : 'gateway']: item } }
  }

  private token(method: string, [, id]: readonly string[], query: URLSearchParams) {
    if (method === 'GET') {
      const user = query.get('user_email')
      const found = this.tokens.filter((one) => user === null || one.user_email === user)
      const from = Number(query.get('offset'))
      return {
        status: 200,
        body: { tokens: found.slice(from, from + Number(query.get('limit'))), total: found.length },
      }
    }
    const token = this.tokens.find((one) => one.id === id && !one.is_revoked)
    if (method !== 'DELETE' || token === undefined) return { status: 404, body: { detail: 'Token not found' } }
    token.is_revoked = true
    return { status: 204 }
  }
}

const gatewayTo = (url: string, over: Partial<ConstructorParameters<typeof ContextForgeGateway>[0]> = {}) =>
  new ContextForgeGateway(
    { name: 'forge', url, allowPrivate: true, token: TOKEN, revokeTokens: false, timeoutMs: 1_000, ...over },
    Date.now,
  )

const ECHO: Target = { kind: 'tool', id: 'everything/echo' }

gatewaySuite(
  'ContextForgeGateway',
  async () => {
    const forge = new Forge()
    const api = await new Api(forge.answer).start()
    const gateway = gatewayTo(api.url)
    return {
      gateway,
      async react(reaction: Reaction) {
        if (reaction === 'away') await api.stop()
        else if (reaction === 'hang') api.answer = () => undefined
        else if (reaction === 'busy') api.answer = status(503)
        else if (reaction === 'no') api.answer = status(403)
        else if (reaction === 'not_found') forge.tools.length = 0
        else if (reaction === 'duplicate') for (const tool of forge.tools) tool.enabled = false
      },
      async dispose() {
        gateway.close()
        await api.stop()
      },
    }
  },
  { order: { level: 'quarantine_tool', target: ECHO }, without: ['unsupported', 'pending'] },
)

describe('ContextForgeGateway', () => {
  let forge: Forge
  let api: Api
  const gateways: ContextForgeGateway[] = []
  beforeEach(async () => {
    forge = new Forge()
    api = await new Api(forge.answer).start()
  })
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) gateway.close()
    await api.stop()
  })
  const open = (over: Parameters<typeof gatewayTo>[1] = {}) => {
    const gateway = gatewayTo(api.url, over)
    gateways.push(gateway)
    return gateway
  }
  const quarantine = (target: Target) => lease({ level: 'quarantine_tool', target })

  it('switches exactly the tool off, and on again', async () => {
    const gateway = open()
    const one = quarantine(ECHO)
    expect(await gateway.deliver('apply', one)).toMatchObject({ status: 'applied' })
    expect([forge.stateOf('echo'), forge.stateOf('get-sum')]).toEqual([false, true])
    expect(await gateway.deliver('apply', one)).toMatchObject({ status: 'duplicate' })
    expect(await gateway.deliver('release', one)).toMatchObject({ status: 'applied' })
    expect(forge.stateOf('echo')).toBe(true)
    expect(await gateway.deliver('apply', quarantine({ kind: 'tool', id: 'elsewhere/echo' }))).toMatchObject({
      status: 'not_found',
    })
  })

  it('finds a server by slug or name', async () => {
    const gateway = open()
    for (const id of ['everything', 'Every Thing']) {
      expect(await gateway.deliver('apply', quarantine({ kind: 'server', id }))).toMatchObject({ status: 'applied' })
      expect(forge.gateways[0]?.enabled).toBe(false)
      await gateway.deliver('release', quarantine({ kind: 'server', id }))
    }
  })

  it('revokes the tokens of an agent or user only where that is switched on, all pages of them, and says it is for good', async () => {
    const agent = lease({ target: { kind: 'agent', id: 'bot' } })
    expect(open().cannot(agent.order)).toBe('revokeTokens is off')
    const gateway = open({ revokeTokens: true })
    expect(gateway.cannot(agent.order)).toBeUndefined()
    expect(await gateway.deliver('apply', agent)).toMatchObject({ status: 'applied' })
    expect(await gateway.deliver('apply', lease({ target: { kind: 'user', id: 'ada@example.com' } }))).toMatchObject({
      status: 'applied',
    })
    expect(forge.tokens.filter((one) => one.is_revoked).map(({ id }) => id)).toEqual(['k0', 'k1', 'k203'])
    expect(await gateway.deliver('apply', agent)).toMatchObject({ status: 'duplicate' })
    expect(await gateway.deliver('release', agent)).toMatchObject({ status: 'unsupported' })
    expect(await gateway.deliver('apply', lease({ target: { kind: 'agent', id: 'nobody' } }))).toMatchObject({
      status: 'not_found',
    })
  })

  it('cannot aim at sessions, nor ask for a step-up', () => {
    const gateway = open({ revokeTokens: true })
    expect(gateway.cannot(lease().order)).toMatch('cannot be aimed at a session')
    expect(gateway.cannot(lease({ level: 'require_step_up', target: ECHO }).order)).toMatch(
      'nothing like require_step_up',
    )
    expect(gateway.cannot(lease({ level: 'quarantine_tool', target: { kind: 'tool', id: 'echo' } }).order)).toMatch(
      'server/tool',
    )
  })

  it.each<readonly [string, Api['answer']]>([
    ['no JSON', (_asked, response) => void response.end('<html>ok</html>')],
    ['another JSON', (_asked, response) => void response.end('{"ok":true}')],
    ['a list of nonsense', (_asked, response) => void response.end('[1, null, {"slug": 7}]')],
  ])('believes no success with %s in it', async (_, answer) => {
    api.answer = answer
    const delivery = await open().deliver('apply', quarantine(ECHO))
    expect(delivery).not.toMatchObject({ status: 'applied' })
    expect(forge.stateOf('echo')).toBe(true)
  })

  it('believes no change that the answer does not show', async () => {
    const { answer } = forge
    api.answer = (asked, response) => {
      if (asked.method === 'GET') answer(asked, response)
      else response.end(JSON.stringify({ status: 'success', tool: { id: 't0', enabled: true } }))
    }
    expect(await open().deliver('apply', quarantine(ECHO))).toMatchObject({ kind: 'refused' })
  })

  it('holds a tool through the release of its server, and a server through the release of its tool', async () => {
    const room = new Room([{ gateway: open() }]).start()
    const nowMs = room.clock.now()
    const contain = async (target: Target) => {
      const acknowledged = room.next((seen) => seen.kind === 'acknowledged')
      const { order } = await room.desk.contain({
        tenant: 'default',
        level: 'quarantine_tool',
        target,
        reason: 'r',
        severity: 'high',
        leaseMs: 60_000,
        by: 'ada',
      })
      await acknowledged
      return order
    }
    const release = async (id: string) => {
      await room.desk.release(id, 'ada', 'fine')
      const isTold = () =>
        room.recorded.some(
          ({ lease: { order, state }, gateway }) => order.id === id && state === 'released' && gateway === 'forge',
        )
      await expect.poll(isTold, { timeout: 30_000 }).toBe(true)
    }
    try {
      const tool = await contain(ECHO)
      room.clock.advance(1)
      const server = await contain({ kind: 'server', id: 'everything' })
      await release(server.id)
      expect([forge.stateOf('echo'), forge.stateOf('get-sum')]).toEqual([false, true])
      room.clock.advance(1)
      const again = await contain({ kind: 'server', id: 'everything' })
      await release(tool.id)
      expect([forge.gateways[0]?.enabled, forge.stateOf('echo')]).toEqual([false, false])
      room.clock.advance(nowMs + 60_000 - room.clock.now() + 5)
      await room.desk.expire(room.clock.now())
      await expect.poll(() => forge.stateOf('echo'), { timeout: 30_000 }).toBe(true)
      expect(await room.posture.get(again.id)).toMatchObject({ state: 'expired' })
    } finally {
      await room.dispose()
    }
  })
})
