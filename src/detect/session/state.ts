import type { Action, AgentHour, Effect, Finding, Ref, Session, Sighting, ToolEvent } from '../../model/index.ts'
import { HISTORY_TOKENS } from '../../model/index.ts'
import type { Evidence } from '../verdict.ts'
import { type Copied, Copies } from './copies.ts'
import { IMPERATIVE, IN_ARGS, IN_INTENT, IN_TRUSTED, IN_UNTRUSTED, RecentSet, SightingTable } from './sets.ts'
import { SharedList } from './shared-list.ts'

export interface AgentCounts {
  hour: number
  calls: number
  bytes: number
  records: number
  /** of the agent's last event */
  origin: string
  /** no longer the agent's counts: sessions that hold it must ask again */
  dropped: boolean
}

/** How the PEP has numbered the session's events; kept by the fleet, which lives as long as its sessions. */
export interface Numbers {
  first: number
  highest: number
  seen: number
  /** events that were told of as missing */
  told: number
}

/** What the fold says of the event at hand; shared by all sessions because only one event is judged at a time. */
export interface Current {
  token: string
  /** the tool's name, or the op where there is no tool */
  name: string
  firstOfCall: boolean
  effect: Effect
  parameters: readonly string[]
  traits: readonly string[]
  intentIsNew: boolean
  /** its agent's counts, or in a restore what they were */
  agentHour: AgentHour
}

/** What a session has shown of one cause: about 1 kB, in the few sessions that have a finding. */
export interface Situation {
  /** as its worst event showed it */
  worst: Finding
  /** events that showed it */
  count: number
}

/** shared by sessions that have none yet; replaced, never written to */
const NOTHING: readonly string[] = []
const NO_USES: number[] = []
const NO_COPIES: readonly Copied[] = []
/** what sessionKey joins its parts with */
const KEY_UNIT = '\u001f'
const KEY_UNIT_CODE = 0x1f
const MAX_TOOLS = 250
/** situations remembered for "one finding per session and cause" */
const MAX_SITUATIONS = 64

/** One live session. Fields that most sessions never need are made when they are first needed. */
export class SessionState implements Session {
  readonly key: string
  readonly role: string
  readonly firstMs: number
  lastMs: number
  calls = 0
  bytes = 0
  records = 0
  errors = 0
  denied = 0
  failedInARow = 0
  /** the first steps as long as all fit, then a list of its own */
  private firstSteps: SharedList | undefined = SharedList.EMPTY
  private lastSteps: readonly string[] = NOTHING
  /** as of riskMs */
  evidence: Evidence | undefined
  riskMs: number
  risk = 0
  contained: Action = 'allow'
  containedUntilMs = 0
  origin = ''
  agentCounts: AgentCounts | undefined
  intentMark = 0
  /** undefined until the PEP states a number */
  numbers: Numbers | undefined
  /** hashes of event ids and of call ids, salted apart */
  readonly seen = new RecentSet()
  readonly sightings = new SightingTable()
  newer: SessionState | undefined
  older: SessionState | undefined
  private situations: Map<string, Situation> | undefined
  private copies: Copies | undefined
  private tools = SharedList.EMPTY
  private toolUses: number[] = NO_USES
  private readonly current: Current

  constructor(key: string, role: string, atMs: number, current: Current) {
    this.key = key
    this.role = role
    this.firstMs = atMs
    this.lastMs = atMs
    this.riskMs = atMs
    this.current = current
  }

  /** The key holds all three, and a million sessions need them seldom. */
  get tenant(): string {
    return this.key.split(KEY_UNIT)[0] ?? ''
  }
  get agent(): string {
    return this.key.split(KEY_UNIT)[1] ?? ''
  }
  get id(): string {
    return this.key.split(KEY_UNIT).slice(2).join(KEY_UNIT)
  }

  /** Whether the event's key is this session's, told without joining it. */
  isOf({ tenant, data }: ToolEvent): boolean {
    const { key } = this
    const agent = data.agent.id
    const { id } = data.session
    const agentAt = tenant.length + 1
    const idAt = agentAt + agent.length + 1
    return (
      key.length === idAt + id.length &&
      key.startsWith(tenant) &&
      key.charCodeAt(agentAt - 1) === KEY_UNIT_CODE &&
      key.startsWith(agent, agentAt) &&
      key.charCodeAt(idAt - 1) === KEY_UNIT_CODE &&
      key.startsWith(id, idAt)
    )
  }

  get token(): string {
    return this.current.token
  }
  get firstOfCall(): boolean {
    return this.current.firstOfCall
  }
  get effect(): Effect {
    return this.current.effect
  }
  get parameters(): readonly string[] {
    return this.current.parameters
  }
  get traits(): readonly string[] {
    return this.current.traits
  }
  get intentIsNew(): boolean {
    return this.current.intentIsNew
  }
  get agentHour(): AgentHour {
    return this.current.agentHour
  }

  sightingOf(fp: string): Sighting | undefined {
    const found = this.sightings.get(nameOf(fp))
    if (found === 0) return undefined
    return {
      inIntent: (found & IN_INTENT) !== 0,
      inArgs: (found & IN_ARGS) !== 0,
      inUntrustedResult: (found & IN_UNTRUSTED) !== 0,
      inTrustedResult: (found & IN_TRUSTED) !== 0,
      imperative: (found & IMPERATIVE) !== 0,
      tool: this.tools.items[(found >>> 5) - 1],
    }
  }

  see(ref: Ref, bits: number, tool: string | undefined): void {
    this.sightings.add(nameOf(ref.fp), bits, tool === undefined ? 0 : this.toolNumber(tool) + 1)
  }

  usesOf(tool: string): number {
    const at = this.tools.items.indexOf(tool)
    return at < 0 ? 0 : (this.toolUses[at] ?? 0)
  }

  countUse(tool: string): void {
    const at = this.toolNumber(tool)
    this.toolUses[at] = (this.toolUses[at] ?? 0) + 1
  }

  /** Results that the arguments repeat. */
  copiedBy(args: Readonly<Record<string, unknown>> | undefined): readonly Copied[] {
    return args === undefined || this.copies === undefined ? NO_COPIES : this.copies.sourcesOf(args)
  }

  rememberResult(source: string, text: string): void {
    this.copies ??= new Copies()
    this.copies.remember(source, text)
  }

  get history(): readonly string[] {
    return this.firstSteps?.items ?? this.lastSteps
  }

  pushHistory(token: string): void {
    const { history } = this
    if (this.firstSteps !== undefined && history.length < HISTORY_TOKENS) {
      this.firstSteps = this.firstSteps.with(token)
      return
    }
    this.firstSteps = undefined
    this.lastSteps = [...history.slice(1), token]
  }

  situationOf(cause: string): Situation | undefined {
    return this.situations?.get(cause)
  }

  /** Beyond the bound the oldest is forgotten: its finding is told again under the same id. */
  openSituation(cause: string, situation: Situation): void {
    this.situations ??= new Map()
    const [oldest] = this.situations.keys()
    if (this.situations.size >= MAX_SITUATIONS && oldest !== undefined) this.situations.delete(oldest)
    this.situations.set(cause, situation)
  }

  private toolNumber(tool: string): number {
    const { items } = this.tools
    const at = items.indexOf(tool)
    if (at >= 0) return at
    if (items.length >= MAX_TOOLS) return MAX_TOOLS - 1
    this.toolUses = [...this.toolUses, 0]
    this.tools = this.tools.with(tool)
    return items.length
  }
}

/** First 40 bits of a fingerprint; what is not hex still gives a stable number. */
function nameOf(fp: string): number {
  return word(fp, 0, 5) * 1_048_576 + word(fp, 5, 10)
}

function word(fp: string, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) {
    const c = fp.charCodeAt(i)
    value = (value << 4) | ((c <= 57 ? c - 48 : (c | 32) - 87) & 15)
  }
  return value
}
