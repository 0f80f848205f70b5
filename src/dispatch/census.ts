import { agentKey, roleOf, sessionKeyOf, type ToolEvent } from '../model/index.ts'

/** How many of a tenant's sessions, agents and tools were seen within the last one to two hours. */
export interface Live {
  readonly sessions: number
  readonly agents: number
  readonly tools: number
}

const WINDOW_MS = 3_600_000
const MAX_TENANTS = 1_000
const MAX_AGENTS = 200_000

/** Counts who is live, per tenant, in a few kilobytes each; and knows which role an agent said it has. */
export class Census {
  private readonly now: () => number
  private readonly tenants = new Map<string, TenantCensus>()
  private readonly roles = new Map<string, string>()

  constructor(now: () => number) {
    this.now = now
  }

  see(events: readonly ToolEvent[]): void {
    const window = Math.floor(this.now() / WINDOW_MS)
    for (const event of events) {
      this.of(event.tenant).see(event, window)
      this.rememberRole(event)
    }
  }

  /** What a store knows of the last hour, for a process that starts: counts never fall below it until the hour is over. */
  seed(tenant: string, live: Live): void {
    this.of(tenant).seed(live, Math.floor(this.now() / WINDOW_MS))
  }

  live(tenant: string): Live {
    return this.tenants.get(tenant)?.live(Math.floor(this.now() / WINDOW_MS)) ?? NOBODY
  }

  roleOf(tenant: string, agent: string): string | undefined {
    return this.roles.get(agentKey(tenant, agent))
  }

  private of(tenant: string): TenantCensus {
    const known = this.tenants.get(tenant)
    if (known !== undefined) return known
    const [oldest] = this.tenants.keys()
    if (this.tenants.size >= MAX_TENANTS && oldest !== undefined) this.tenants.delete(oldest)
    const made = new TenantCensus()
    this.tenants.set(tenant, made)
    return made
  }

  private rememberRole({ tenant, data }: ToolEvent): void {
    const key = agentKey(tenant, data.agent.id)
    const role = roleOf(data)
    if (this.roles.get(key) === role) return
    this.roles.set(key, role)
    const [oldest] = this.roles.keys()
    if (this.roles.size > MAX_AGENTS && oldest !== undefined) this.roles.delete(oldest)
  }
}

const NOBODY: Live = { sessions: 0, agents: 0, tools: 0 }

class TenantCensus {
  private window = 0
  private current = new Distinct3()
  private previous = new Distinct3()
  private seeded: Live = NOBODY

  see(event: ToolEvent, window: number): void {
    this.turn(window)
    const { data } = event
    this.current.sessions.add(sessionKeyOf(event))
    this.current.agents.add(data.agent.id)
    if (data.tool !== undefined) this.current.tools.add(`${data.server.id}/${data.tool.name}`)
  }

  seed(live: Live, window: number): void {
    this.turn(window)
    this.seeded = live
  }

  live(window: number): Live {
    this.turn(window)
    const count = (kind: keyof Live) => Math.max(this.seeded[kind], this.current[kind].together(this.previous[kind]))
    return { sessions: count('sessions'), agents: count('agents'), tools: count('tools') }
  }

  private turn(window: number): void {
    if (window === this.window) return
    this.previous = window === this.window + 1 ? this.current : new Distinct3()
    this.current = new Distinct3()
    this.seeded = NOBODY
    this.window = window
  }
}

class Distinct3 {
  readonly sessions = new DistinctCount()
  readonly agents = new DistinctCount()
  readonly tools = new DistinctCount()
}

const BITS = 32_768

/**
 * Distinct values by linear counting (Whang, Vander-Zanden, Taylor 1990): one bit per hash, and the share of bits that
 * stayed empty says how many there were. 4 KiB; within about 1 % up to 100,000, too low beyond 300,000.
 */
export class DistinctCount {
  private readonly bits = new Uint32Array(BITS / 32)

  add(value: string): void {
    const bit = hash(value) % BITS
    this.bits[bit >>> 5] = (this.bits[bit >>> 5] ?? 0) | (1 << (bit & 31))
  }

  /** How many distinct values this one and the other have seen. */
  together(other: DistinctCount): number {
    let set = 0
    for (let at = 0; at < this.bits.length; at++) set += ones((this.bits[at] ?? 0) | (other.bits[at] ?? 0))
    return Math.round(-BITS * Math.log(Math.max(1, BITS - set) / BITS))
  }
}

/** FNV-1a with a final mix, 32 bits: spreads names that differ in one digit. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let at = 0; at < text.length; at++) h = Math.imul(h ^ text.charCodeAt(at), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
