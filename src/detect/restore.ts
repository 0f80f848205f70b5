import type { AgentHour, RestoredEvent, SessionKey, ToolEvent } from '../model/index.ts'
import { agentKey, sessionKeyOf } from '../model/index.ts'
import { Findable } from './findable.ts'
import type { Sessions } from './session.ts'

/** Which stored events to bring back: those before this one, the first of the session or agent in the batch at hand. */
export interface HistoryBound<Key extends string = SessionKey> {
  readonly key: Key
  readonly origin: string
  readonly position: number
  readonly timeMs: number
}

/** Where a process that takes over finds what others have judged; the store, as this room sees it. */
export interface Past {
  /** stored events of these sessions, each session's in the order in which they were judged */
  readonly history: (bounds: readonly HistoryBound[]) => Promise<ReadonlyMap<SessionKey, readonly RestoredEvent[]>>
  /** what these agents (keys of agentKey) had done in the hour of the bound, or a later one */
  readonly agentHours?: (bounds: readonly HistoryBound<string>[]) => Promise<ReadonlyMap<string, AgentHour>>
  /** sessions with an event since then, undefined when they are too many; absent: every unknown one is looked up */
  readonly recentSessions?: (sinceMs: number) => Promise<ReadonlySet<SessionKey> | undefined>
}

const HOUR_MS = 3_600_000
const NONE: AgentHour = { hour: 0, calls: 0, bytes: 0, records: 0 }

/**
 * Brings back the sessions and agents of a batch that this process does not know. A look-up costs tens of milliseconds,
 * and whoever floods us with new sessions would cause one per batch: so the store is asked once per assignment who there
 * is to find, and whoever is not among them is new.
 */
export class Restorer {
  private readonly past: Past
  private readonly sessions: Sessions
  private readonly findable: Findable
  private asked = false

  constructor(past: Past, sessions: Sessions) {
    this.past = past
    this.sessions = sessions
    this.findable = new Findable(Math.max(sessions.idleMs, HOUR_MS))
    sessions.released = (key, nowMs) => this.findable.add(key, nowMs)
  }

  /** Other processes may have judged since: the store is asked anew. */
  assigned(): void {
    this.asked = false
  }

  /** Folds what was stored of them before. Rejects with RestoreError; nothing was folded then, and it may be called again. */
  async restore(events: readonly ToolEvent[], fold: (event: ToolEvent) => void): Promise<void> {
    const unknown = this.unknownOf(events)
    if (unknown.sessions.length === 0 && unknown.agents.length === 0) return
    try {
      if (!this.asked) await this.ask(events)
      const sessions = unknown.sessions.filter(({ key, timeMs }) => this.findable.has(key, timeMs))
      const agents = unknown.agents.filter(({ key, timeMs }) => this.findable.has(key, timeMs))
      const stored = sessions.length === 0 ? [] : (await this.past.history(sessions)).values()
      const hours = agents.length === 0 ? undefined : await this.past.agentHours?.(agents)
      for (const session of stored)
        for (const event of session) this.sessions.restoring(event.agentHour ?? NONE, () => fold(event))
      for (const { key, origin } of agents) {
        const hour = hours?.get(key)
        if (hour !== undefined) this.sessions.restoreAgent(key, origin, hour)
      }
    } catch (cause) {
      throw new RestoreError(unknown.sessions.length, cause)
    }
  }

  private async ask(events: readonly ToolEvent[]): Promise<void> {
    const earliestMs = events.reduce((earliest, { timeMs }) => Math.min(earliest, timeMs), Number.POSITIVE_INFINITY)
    const sinceMs = this.findable.reachOf(earliestMs)
    this.findable.named(namesOf(await this.past.recentSessions?.(sinceMs)), sinceMs)
    this.asked = true
  }

  private unknownOf(events: readonly ToolEvent[]): {
    readonly sessions: readonly HistoryBound[]
    readonly agents: readonly HistoryBound<string>[]
  } {
    const sessions = new Map<SessionKey, HistoryBound>()
    const opened = new Set<SessionKey>()
    const agents = new Map<string, HistoryBound<string>>()
    for (const event of events) {
      const live = this.sessions.liveOf(event)
      if (live !== undefined && live.agentCounts?.dropped === false) continue
      const key = sessionKeyOf(event)
      const { origin, position, timeMs } = event
      // A PEP that numbers its events tells us which one opens a session. One that this batch opens may be stored all
      // the same, when the batch comes again: what follows the opening must not bring it back.
      if (live === undefined && event.data.seq === 0 && !sessions.has(key)) opened.add(key)
      else if (live === undefined && !opened.has(key) && !sessions.has(key))
        sessions.set(key, { key, origin, position, timeMs })
      const agent = agentKey(event.tenant, event.data.agent.id)
      if (!this.sessions.counts(agent) && !agents.has(agent))
        agents.set(agent, { key: agent, origin, position, timeMs })
    }
    return { sessions: [...sessions.values()], agents: [...agents.values()] }
  }
}

/** Sessions and agents only: an agent's key is the beginning of the keys of its sessions. */
function namesOf(sessions: ReadonlySet<SessionKey> | undefined): Iterable<string> | undefined {
  if (sessions === undefined) return undefined
  const names = new Set<string>(sessions)
  for (const key of sessions) names.add(key.slice(0, key.indexOf(UNIT, key.indexOf(UNIT) + 1)))
  return names
}

/** what keys are joined with */
const UNIT = '\u001f'

/** The sessions of a batch could not be restored: they are judged from here on. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError'
  readonly code = 'sessions-not-restored'
  readonly sessions: number
  constructor(sessions: number, cause: unknown) {
    super(`${sessions} sessions could not be restored; see the cause, most likely the store is away`, { cause })
    this.sessions = sessions
  }
}
