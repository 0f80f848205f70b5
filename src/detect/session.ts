import type { AgentHour, Effect, EventData, Ref, ResultStatus, ToolEvent } from '../model/index.ts'
import {
  agentKey,
  argumentTraits,
  effectOfName,
  nameOf,
  parameterShapes,
  resultTraits,
  roleOf,
  sessionKeyOf,
} from '../model/index.ts'
import type { Copied } from './session/copies.ts'
import { hash53, IMPERATIVE, IN_ARGS, IN_INTENT, IN_TRUSTED, IN_UNTRUSTED } from './session/sets.ts'
import { type AgentCounts, type Current, SessionState } from './session/state.ts'

export { SessionState } from './session/state.ts'

export interface SessionOptions {
  /** live sessions kept; the longest untouched one goes first, to the minute. One costs about 1 to 2 kB. */
  readonly maxSessions: number
  /** a session silent for this long, in event time, begins anew */
  readonly idleMs: number
  /** agents whose hour is counted */
  readonly maxAgents: number
  /** `server/tool` or `tool`: what the operator knows of tools, before their own hints */
  readonly readOnlyTools: readonly string[]
  readonly sideEffectTools: readonly string[]
}

export const SESSION_DEFAULTS: SessionOptions = {
  maxSessions: 1_000_000,
  idleMs: 30 * 60_000,
  maxAgents: 200_000,
  readOnlyTools: [],
  sideEffectTools: [],
}

export interface Entered {
  readonly session: SessionState
  /** the same (source, id) was folded before: nothing was counted */
  readonly duplicate: boolean
}

const HOUR_MS = 3_600_000
/** ids of events and calls that one session tells apart, at least; twice as many at most */
const REMEMBERED = 2048

/**
 * Session state: a fold over events in their order. `enter` counts the event and lays out what detectors may look at;
 * `leave` adds what only the next event may see (its arguments, its result, its step). The same events in the same
 * order give the same state, so a session is restored by folding its stored events again.
 */
export class Sessions {
  private readonly options: SessionOptions
  private readonly live = new Map<string, SessionState>()
  private readonly agents = new Map<string, AgentCounts>()
  private readonly steps = new Map<string, Map<string, Step>>()
  private readonly strings = new Map<string, string>()
  /** by session id, the one of this id that was asked for last */
  private readonly near = new Map<string, SessionState>()
  private lastSource = ''
  private lastSalt = hash53('', 1) | 0
  private readonly readOnly: ReadonlySet<string>
  private readonly sideEffect: ReadonlySet<string>
  private readonly current: Current = {
    token: '',
    name: '',
    firstOfCall: false,
    effect: 'unknown',
    parameters: [],
    traits: [],
    intentIsNew: false,
    agentHour: { hour: 0, calls: 0, bytes: 0, records: 0 },
  }
  /** while a stored event is folded: its agent's hour as it was then; nothing is counted */
  private hourThen: AgentHour | undefined
  /** told of sessions and agents (their keys) that are let go although they may come back */
  released: ((key: string, nowMs: number) => void) | undefined
  private newest: SessionState | undefined
  private oldest: SessionState | undefined
  private nowMs = 0

  constructor(options: Partial<SessionOptions> = {}) {
    this.options = { ...SESSION_DEFAULTS, ...options }
    this.readOnly = new Set(this.options.readOnlyTools)
    this.sideEffect = new Set(this.options.sideEffectTools)
  }

  get idleMs(): number {
    return this.options.idleMs
  }

  get size(): number {
    return this.live.size
  }

  find(key: string): SessionState | undefined {
    return this.live.get(key)
  }

  /** Drops sessions whose last event came by one of these origins. */
  forget(origins: readonly string[]): void {
    if (origins.length === 0) return
    const gone = new Set(origins)
    for (const session of this.live.values()) if (gone.has(session.origin)) this.drop(session)
    for (const [key, counts] of this.agents) if (gone.has(counts.origin)) this.dropAgent(key, counts)
  }

  /** Whether the agent's hour is counted here. */
  counts(agent: string): boolean {
    return this.agents.has(agent)
  }

  /** The hour of an agent that is not counted here, as another process left it. */
  restoreAgent(agent: string, origin: string, { hour, calls, bytes, records }: AgentHour): void {
    this.addAgent(agent, { hour, calls, bytes, records, origin, dropped: false })
  }

  /** Folds a stored event: its agent's hour was what it was, and is counted elsewhere. */
  restoring<Folded>(hour: AgentHour, fold: () => Folded): Folded {
    this.hourThen = hour
    try {
      return fold()
    } finally {
      this.hourThen = undefined
    }
  }

  enter(event: ToolEvent): Entered {
    const session = this.sessionOf(event)
    const { data } = event
    if (!session.seen.add(hash53(event.id, this.saltOf(event.source)), REMEMBERED)) return { session, duplicate: true }
    const first = session.seen.add(hash53(data.call_id, 2), REMEMBERED)
    const { current } = this
    current.firstOfCall = first
    const step = this.stepOf(data.op, data.tool?.name)
    current.token = step.token
    current.name = step.name
    current.effect = this.effectOf(event, step)
    current.parameters = first ? parameterShapes(data.args) : NO_PARAMETERS
    const copied = first && mayReachOut(current.effect, data) ? session.copiedBy(data.args) : NO_COPIES
    current.traits = traitsOf(data, first, copied)
    current.agentHour = this.agentHourOf(event, session, first)
    if (first) session.calls++
    if (data.result?.bytes !== undefined) session.bytes += data.result.bytes
    if (data.result?.records !== undefined) session.records += data.result.records
    if (data.result !== undefined) countOutcome(session, data.result.status)
    current.intentIsNew = data.refs !== undefined && seeIntent(session, data.refs)
    return { session, duplicate: false }
  }

  leave(session: SessionState, event: ToolEvent): void {
    const { data } = event
    const { name } = this.current
    for (const ref of data.refs ?? NO_REFS) {
      if (ref.in === 'args') session.see(ref, IN_ARGS, undefined)
      else if (ref.in === 'result') session.see(ref, bitsOf(ref), name)
    }
    if (data.result?.sample !== undefined && data.tool !== undefined)
      session.rememberResult(`${data.server.id}/${data.tool.name}`, data.result.sample)
    if (!this.current.firstOfCall) return
    session.pushHistory(this.current.token)
    if (data.tool !== undefined) session.countUse(name)
  }

  /** The live session of an event. A key costs more to join than the parts of the likely one cost to compare. */
  liveOf(event: ToolEvent): SessionState | undefined {
    const { id } = event.data.session
    const near = this.near.get(id)
    if (near?.isOf(event)) return near
    const session = this.live.get(sessionKeyOf(event))
    if (session === undefined) return undefined
    if (this.near.size >= MAX_NEAR) this.near.clear()
    this.near.set(id, session)
    return session
  }

  private sessionOf(event: ToolEvent): SessionState {
    const atMs = event.timeMs
    if (atMs > this.nowMs) this.nowMs = atMs
    let session = this.liveOf(event)
    if (session !== undefined && atMs - session.lastMs > this.options.idleMs && atMs > session.containedUntilMs) {
      this.drop(session)
      session = undefined
    }
    if (session === undefined) {
      const key = sessionKeyOf(event)
      session = new SessionState(key, this.oneString(roleOf(event.data)), atMs, this.current)
      this.live.set(key, session)
      this.evict()
      this.link(session)
    } else if (minuteOf(atMs) !== minuteOf(session.lastMs)) this.touch(session)
    if (atMs > session.lastMs) session.lastMs = atMs
    if (session.origin !== event.origin) session.origin = this.oneString(event.origin)
    return session
  }

  /** By count, and two idle ones for each event, so that memory follows the traffic down without a sweep. */
  private evict(): void {
    const { maxSessions, idleMs } = this.options
    for (let i = 0; i < 2 && this.oldest !== undefined; i++) {
      const { oldest } = this
      if (this.live.size > maxSessions) this.letGo(oldest)
      else if (this.nowMs - oldest.lastMs <= idleMs) return
      else if (this.nowMs > oldest.containedUntilMs) this.letGo(oldest)
      else this.touch(oldest) // It stays until its lease ends, and those behind it have their turn.
    }
  }

  private letGo(session: SessionState): void {
    this.released?.(session.key, this.nowMs)
    this.drop(session)
  }

  private drop(session: SessionState): void {
    this.live.delete(session.key)
    // What was dropped must not be held by being near.
    if (this.near.get(session.id) === session) this.near.delete(session.id)
    this.unlink(session)
  }

  private touch(session: SessionState): void {
    this.unlink(session)
    this.link(session)
  }

  private link(session: SessionState): void {
    session.older = this.newest
    if (this.newest) this.newest.newer = session
    this.newest = session
    this.oldest ??= session
  }

  private unlink(session: SessionState): void {
    if (session.newer) session.newer.older = session.older
    else if (this.newest === session) this.newest = session.older
    if (session.older) session.older.newer = session.newer
    else if (this.oldest === session) this.oldest = session.newer
    session.newer = undefined
    session.older = undefined
  }

  /** One object per op and tool, because millions of sessions hold the token. */
  private stepOf(op: string, tool: string | undefined): Step {
    let tools = this.steps.get(op)
    if (tools === undefined) {
      tools = new Map()
      if (this.steps.size < MAX_OPS) this.steps.set(op, tools)
    }
    let step = tools.get(tool ?? '')
    if (step === undefined) {
      step =
        tool === undefined
          ? { token: op, name: op, effect: 'unknown' }
          : { token: `${op}:${tool}`, name: tool, effect: effectOfName(tool) }
      if (tools.size < MAX_TOOLS) tools.set(tool ?? '', step)
    }
    return step
  }

  private effectOf(event: ToolEvent, step: Step): Effect {
    const { tool, server } = event.data
    if (tool === undefined) return 'unknown'
    if (this.readOnly.size > 0 || this.sideEffect.size > 0) {
      const full = `${server.id}/${tool.name}`
      if (this.readOnly.has(full) || this.readOnly.has(tool.name)) return 'read'
      if (this.sideEffect.has(full) || this.sideEffect.has(tool.name)) return 'side-effect'
    }
    if (tool.annotations === undefined) return step.effect
    if (tool.annotations.destructiveHint === true || tool.annotations.readOnlyHint === false) return 'side-effect'
    return tool.annotations.readOnlyHint === true ? 'read' : step.effect
  }

  /** One string for all sessions that have it: a role, an origin. */
  private oneString(text: string): string {
    const known = this.strings.get(text)
    if (known !== undefined) return known
    if (this.strings.size < MAX_TOOLS) this.strings.set(text, text)
    return text
  }

  private saltOf(source: string): number {
    if (source !== this.lastSource) {
      this.lastSource = source
      this.lastSalt = hash53(source, 1) | 0
    }
    return this.lastSalt
  }

  /** The session keeps its agent's counts at hand; the map is asked once per session. */
  private agentHourOf(event: ToolEvent, session: SessionState, first: boolean): AgentHour {
    if (this.hourThen !== undefined) return this.hourThen
    const hour = Math.floor(event.timeMs / HOUR_MS)
    let counts = session.agentCounts
    if (counts === undefined || counts.dropped) {
      counts = this.agentCounts(agentKey(event.tenant, event.data.agent.id), hour)
      session.agentCounts = counts
    }
    counts.origin = session.origin
    if (hour > counts.hour) {
      counts.hour = hour
      counts.calls = 0
      counts.bytes = 0
      counts.records = 0
    }
    if (hour < counts.hour) return counts
    if (first) counts.calls++
    counts.bytes += event.data.result?.bytes ?? 0
    counts.records += event.data.result?.records ?? 0
    return counts
  }

  private agentCounts(key: string, hour: number): AgentCounts {
    return (
      this.agents.get(key) ?? this.addAgent(key, { hour, calls: 0, bytes: 0, records: 0, origin: '', dropped: false })
    )
  }

  private addAgent(key: string, counts: AgentCounts): AgentCounts {
    if (this.agents.size >= this.options.maxAgents) {
      const eldest = this.agents.entries().next()
      if (!eldest.done) {
        this.released?.(eldest.value[0], this.nowMs)
        this.dropAgent(...eldest.value)
      }
    }
    this.agents.set(key, counts)
    return counts
  }

  private dropAgent(key: string, counts: AgentCounts): void {
    counts.dropped = true
    this.agents.delete(key)
  }
}

interface Step {
  readonly token: string
  /** tool, or op where there is none */
  readonly name: string
  readonly effect: Effect
}

/** Sessions are kept in the order of their last minute: moving one costs more than most of what is done with it. */
function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / 60_000)
}

const NO_PARAMETERS: readonly string[] = []
const NO_COPIES: readonly Copied[] = []

/** What only reads sends nothing away, unless what it reads is an address. */
function mayReachOut(effect: Effect, { refs }: EventData): boolean {
  return effect !== 'read' || refs?.some((ref) => ref.in === 'args' && ref.kind === 'url') === true
}

/** Arguments are looked at once per call, a result where it is stated. */
function traitsOf({ args, target, result }: EventData, first: boolean, copied: readonly Copied[]): readonly string[] {
  const ofArguments = first ? argumentTraits(args, target) : NO_PARAMETERS
  const traits =
    copied.length === 0
      ? ofArguments
      : [...ofArguments, ...copied.map(({ source, isMuch }) => nameOf(isMuch ? 'carried' : 'copied', source))]
  if (result?.sample === undefined) return traits
  const ofResult = resultTraits(result.sample)
  return ofResult.length === 0 ? traits : traits.length === 0 ? ofResult : [...traits, ...ofResult]
}

function countOutcome(session: SessionState, status: ResultStatus): void {
  if (status === 'ok' || status === 'input_required') {
    session.failedInARow = 0
    return
  }
  session.errors++
  session.failedInARow++
  if (status === 'denied') session.denied++
}
const MAX_OPS = 1_000
const MAX_NEAR = 16_384
const MAX_TOOLS = 100_000

/** Four of a fingerprint's digits: enough to tell one list of refs from the next. */
function fewBitsOf(fp: string): number {
  return (
    fp.charCodeAt(0) +
    Math.imul(fp.charCodeAt(1), 67) +
    Math.imul(fp.charCodeAt(2), 4_099) +
    Math.imul(fp.charCodeAt(3), 262_147)
  )
}

/** Every event repeats its task: what was seen once is skipped by a sum over its refs. True when it is another one. */
function seeIntent(session: SessionState, refs: readonly Ref[]): boolean {
  let mark = 0
  for (const ref of refs) if (ref.in === 'intent') mark = (Math.imul(mark, 31) + fewBitsOf(ref.fp)) | 0
  if (mark === session.intentMark) return false
  session.intentMark = mark
  for (const ref of refs) if (ref.in === 'intent') session.see(ref, IN_INTENT, undefined)
  return true
}

const NO_REFS: readonly Ref[] = []

/** What a tool returned is untrusted unless the PEP says otherwise. */
function bitsOf(ref: Ref): number {
  return (ref.untrusted === false ? IN_TRUSTED : IN_UNTRUSTED) | (ref.imperative === true ? IMPERATIVE : 0)
}
