import type { Lease, Level, Order, Target } from '../../model/index.ts'
import type { Delivery, Gateway } from '../gateway.ts'
import { readStatus } from './acknowledgement.ts'
import { type Answer, type Call, Exchange, gatewayUrl, unanswered } from './exchange.ts'
import { serverAndTool } from './template.ts'

/** ContextForge (IBM mcp-context-forge) without Belay's plugin, by its admin API as version 1.0.7 has it. */
export interface ContextForgeOptions {
  readonly name: string
  /** its base, such as `https://forge.example` */
  readonly url: string
  readonly allowPrivate: boolean
  /** a session's JWT of an administrator: its API refuses API tokens where tokens are revoked */
  readonly token: string
  /** whether agents and users may be suspended by revoking their API tokens, which nothing brings back */
  readonly revokeTokens: boolean
  /** default 5,000: an order takes up to three requests */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const PAGE = 100
const MAX_PAGES = 100
const TAKES_AWAY: ReadonlySet<Level> = new Set(['quarantine_tool', 'suspend_session'])

/** The other side answered something that ends the delivery. */
class Ended extends Error {
  readonly delivery: Delivery

  constructor(delivery: Delivery) {
    super(`ended: ${delivery.kind}`)
    this.delivery = delivery
  }
}

const NOT_FOUND: Delivery = { kind: 'acknowledged', status: 'not_found' }
const APPLIED: Delivery = { kind: 'acknowledged', status: 'applied' }
const DUPLICATE: Delivery = { kind: 'acknowledged', status: 'duplicate' }

/** Switches tools and servers off and on again, and revokes API tokens. It knows no sessions. */
export class ContextForgeGateway implements Gateway {
  readonly name: string
  readonly keepsUntilReleased = true
  private readonly options: ContextForgeOptions
  private readonly base: URL
  private readonly exchange: Exchange
  private readonly now: () => number

  /** Throws GatewayConfigError. */
  constructor(options: ContextForgeOptions, now: () => number) {
    this.name = options.name
    this.options = options
    this.now = now
    const { name, url, allowPrivate, timeoutMs = TIMEOUT_MS } = options
    this.base = gatewayUrl(name, url.endsWith('/') ? url : `${url}/`, allowPrivate)
    this.exchange = new Exchange(this.base, { allowPrivate, timeoutMs, maxBytes: MAX_ANSWER_BYTES })
  }

  cannot({ level, target }: Order): string | undefined {
    if (!TAKES_AWAY.has(level)) return `ContextForge's admin API has nothing like ${level}`
    switch (target.kind) {
      case 'tool':
        return serverAndTool(target) === undefined ? 'the tool is not named as server/tool' : undefined
      case 'server':
        return undefined
      case 'agent':
      case 'user':
        return this.options.revokeTokens ? undefined : 'revokeTokens is off'
      case 'session':
      case 'role':
      case 'tenant':
        return `ContextForge's admin API cannot be aimed at a ${target.kind}`
    }
  }

  async deliver(change: 'apply' | 'release' | 'ping', lease: Lease): Promise<Delivery> {
    try {
      if (change === 'ping') return await this.ping()
      return await this.change(lease.order.target, change)
    } catch (error) {
      return error instanceof Ended ? error.delivery : unanswered(error)
    }
  }

  close(): void {
    this.exchange.close()
  }

  private async ping(): Promise<Delivery> {
    await this.list('gateways', 'limit=1')
    return APPLIED
  }

  private change(target: Target, change: 'apply' | 'release'): Promise<Delivery> {
    const activate = change === 'release'
    const tool = serverAndTool(target)
    if (tool !== undefined) return this.setTool(tool, activate)
    if (target.kind === 'server') return this.setServer(target.id, activate)
    if (!activate) return this.revokeTokens(target)
    const detail = 'revoked tokens stay revoked; the agent needs a new one'
    return Promise.resolve({ kind: 'acknowledged', status: 'unsupported', detail })
  }

  private async setTool({ server, tool }: { readonly server: string; readonly tool: string }, activate: boolean) {
    const gateway = await this.serverNamed(server)
    if (gateway === undefined) return NOT_FOUND
    const filter = `include_inactive=true&limit=0&gateway_id=${encodeURIComponent(gateway.id)}`
    const found = (await this.list('tools', filter)).find(({ originalName }) => originalName === tool)
    return found === undefined ? NOT_FOUND : this.setState('tools', found, activate)
  }

  private async setServer(name: string, activate: boolean): Promise<Delivery> {
    const gateway = await this.serverNamed(name)
    return gateway === undefined ? NOT_FOUND : this.setState('gateways', gateway, activate)
  }

  /** What it calls a gateway is an upstream MCP server: `server.id` of events is its slug, or its name. */
  private async serverNamed(name: string): Promise<Item | undefined> {
    const all = await this.list('gateways', 'include_inactive=true&limit=0')
    return all.find(({ slug }) => slug === name) ?? all.find((one) => one.name === name)
  }

  /** Its answer is believed where it shows the new state: `enabled`, below the name of what was changed. */
  private async setState(kind: 'tools' | 'gateways', { id, enabled }: Item, activate: boolean): Promise<Delivery> {
    if (enabled === activate) return DUPLICATE
    const path = `${kind}/${encodeURIComponent(id)}/state?activate=${activate}`
    const answer = await this.call('POST', path)
    if (answer.status === 404) return NOT_FOUND
    const body = record(this.succeeded(answer, path))
    const shown = record(body?.[kind === 'tools' ? 'tool' : 'gateway'])?.enabled
    if (shown === activate) return APPLIED
    return { kind: 'refused', why: `answered ${answer.status} to ${path}, but does not show enabled: ${activate}` }
  }

  private async revokeTokens(target: Target): Promise<Delivery> {
    const tokens = await this.tokensOf(target)
    if (tokens.length === 0) return NOT_FOUND
    const valid = tokens.filter(({ is_revoked: isRevoked }) => isRevoked !== true)
    for (const { id } of valid) {
      const path = `tokens/admin/${encodeURIComponent(id)}`
      const answer = await this.call('DELETE', path)
      if (answer.status !== 404) this.succeeded(answer, path)
    }
    return valid.length === 0 ? DUPLICATE : APPLIED
  }

  /** A user's tokens are those of that address; an agent's are those that bear its name. */
  private async tokensOf({ kind, id }: Target): Promise<readonly Item[]> {
    const filter = kind === 'user' ? `user_email=${encodeURIComponent(id)}&` : ''
    const found: Item[] = []
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = `${filter}include_inactive=true&limit=${PAGE}&offset=${page * PAGE}`
      const tokens = await this.list('tokens/admin/all', query, 'tokens')
      found.push(...tokens.filter(({ name }) => kind === 'user' || name === id))
      if (tokens.length < PAGE) return found
    }
    throw new Ended({ kind: 'refused', why: `it has more than ${MAX_PAGES * PAGE} tokens` })
  }

  private async list(path: string, query: string, member?: string): Promise<readonly Item[]> {
    const body = this.succeeded(await this.call('GET', `${path}?${query}`), path)
    const items = member === undefined ? body : record(body)?.[member]
    if (!Array.isArray(items)) throw new Ended({ kind: 'refused', why: `answered no list to ${path}` })
    return items.filter(isItem)
  }

  /** The JSON of a success. Throws Ended for anything else. */
  private succeeded(answer: Answer, path: string): unknown {
    const failed = readStatus(answer, this.now())
    if (failed !== undefined) throw new Ended(failed)
    if (answer.status === 204) return undefined
    try {
      return JSON.parse(answer.body ?? '')
    } catch {
      throw new Ended({ kind: 'refused', why: `answered ${answer.status} to ${path} without JSON` })
    }
  }

  private call(method: Call['method'], path: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.options.token}`, accept: 'application/json', 'user-agent': 'belay' }
    return this.exchange.call({ method, url: new URL(path, this.base), headers })
  }
}

/** As far as it matters here; a token has no slug, a gateway no original name. */
interface Item {
  readonly id: string
  readonly name?: unknown
  readonly slug?: unknown
  readonly originalName?: unknown
  readonly enabled?: unknown
  readonly is_revoked?: unknown
}

function isItem(value: unknown): value is Item {
  return typeof record(value)?.id === 'string'
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
}
