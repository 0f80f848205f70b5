import {
  type AuthNews,
  type Concern,
  changeNats,
  concernsOfText,
  type Fleet,
  type IdentityNews,
  natsOf,
  type Passport,
  POISONED_NATS,
  type ServerNews,
  type Sighted,
  type SilentPep,
  SUSPICIOUS_CHANGE_NATS,
  type ToolEvent,
  type Version,
} from '../../model/index.ts'
import { hash53 } from '../session/sets.ts'
import { BoundedMap } from './bounded.ts'
import { FailureBook } from './failures.ts'
import { IdentityBook } from './identity.ts'
import { PepBook } from './peps.ts'
import { type Client, shownBy, ToolBook } from './tools.ts'

/** An alarming tool that goes on being called is told of again after this time. */
const ALARM_AGAIN_MS = 3_600_000
const MAX_TEXTS = 10_000
/** definitions that are read of one event */
const MAX_NEW_PER_EVENT = 128
/** ops whose result is a text of the server for the model */
const SPOKEN = new Set(['initialize', 'server/discover', 'prompts/list'])

/** The fleet of one tenant as the event at hand shows it; one object for all events, because one is judged at a time. */
export class TenantFleet implements Fleet {
  isQuiet = true
  isVouched = false
  sightings: readonly Sighted[] = NO_SIGHTINGS
  alarming: Passport | undefined
  callsNewcomer = false
  /** history has lists: a tool that is on none of them is new */
  hasLearntLists = false
  newServer: ServerNews | undefined
  texts: Fleet['texts'] = NO_TEXTS
  identity: IdentityNews | undefined
  auth: AuthNews | undefined
  silence: readonly SilentPep[] = NO_SILENCE
  missing = 0
  uncheckedBy: string | undefined

  readonly tools = new ToolBook()
  readonly identities = new IdentityBook()
  readonly failures = new FailureBook()
  readonly peps = new PepBook()
  private readonly spoken = new BoundedMap<number, true>(MAX_TEXTS)
  private readonly alarmed = new BoundedMap<string, number>(MAX_TEXTS)
  private readonly registered: ReadonlySet<string> | undefined
  private readonly client: Client = { agent: '', session: '', timeMs: 0, release: undefined, isList: false }

  constructor(registered: ReadonlySet<string> | undefined) {
    this.registered = registered
  }

  /** Folds the event and lays out what is new about it. */
  enter(event: ToolEvent, isFirstOfCall: boolean, missing: number): this {
    const { data, timeMs } = event
    this.silence = this.peps.enter(event)
    this.uncheckedBy = isFirstOfCall ? this.peps.unchecked(event) : undefined
    this.missing = missing
    this.identity = this.identities.enter(event)
    this.auth = data.auth === undefined ? undefined : this.failures.enter(event)
    this.newServer = this.tools.enter(data.server, timeMs, this.registered)
    this.sightings = this.see(event)
    this.alarming = undefined
    this.callsNewcomer = false
    if (isFirstOfCall && data.op === 'tools/call' && data.tool !== undefined) this.call(event, data.tool.name)
    this.texts = SPOKEN.has(data.op) ? this.hear(event) : NO_TEXTS
    if (data.op === 'notifications/tools/list_changed') this.tools.announce(data.server.id, timeMs)
    this.isQuiet =
      this.sightings.length === 0 &&
      this.identity === undefined &&
      this.auth === undefined &&
      this.alarming === undefined &&
      this.newServer === undefined &&
      this.silence.length === 0 &&
      this.uncheckedBy === undefined &&
      missing === 0 &&
      this.texts.length === 0
    return this
  }

  private see({ data, timeMs }: ToolEvent): readonly Sighted[] {
    if (data.tool === undefined && data.tools === undefined) return NO_SIGHTINGS
    const { client } = this
    client.agent = data.agent.id
    client.session = data.session.id
    client.timeMs = timeMs
    client.release = data.server.version
    client.isList = data.tools !== undefined
    if (data.tools === undefined && data.tool !== undefined) {
      const one = this.tools.sight(data.server.id, data.tool, client)
      return one === undefined ? NO_SIGHTINGS : [one]
    }
    let found: Sighted[] | undefined
    for (const tool of shownBy(data)) {
      const one = this.tools.sight(data.server.id, tool, client)
      if (one === undefined) continue
      found ??= []
      found.push(one)
      // The rest is looked at when it is listed again: a list of strangers must not hold everyone up.
      if (found.length >= MAX_NEW_PER_EVENT) break
    }
    return found ?? NO_SIGHTINGS
  }

  private call({ data, timeMs }: ToolEvent, tool: string): void {
    const record = this.tools.call(data.server.id, tool, data.agent.id, timeMs)
    const current = record?.current
    if (record === undefined || current === undefined || current.isLearnt) return
    if (!isAlarming(current)) {
      const isRead = current.description !== undefined && !record.versions.some((version) => version.isLearnt)
      this.callsNewcomer = isRead && this.hasLearntLists
      return
    }
    const key = `${record.server}\u001f${tool}\u001f${current.digest}`
    const before = this.alarmed.get(key)
    if (before !== undefined && timeMs - before < ALARM_AGAIN_MS) return
    this.alarmed.set(key, timeMs)
    this.alarming = record
  }

  private hear({ data }: ToolEvent): Fleet['texts'] {
    const text = data.result?.sample
    if (text === undefined || text === '') return NO_TEXTS
    const hash = hash53(text, hash53(data.server.id, 0) | 0)
    if (this.spoken.get(hash)) return NO_TEXTS
    this.spoken.set(hash, true)
    const concerns: readonly Concern[] = concernsOfText(text)
    return concerns.length === 0 ? NO_TEXTS : [{ what: `${data.op} of server ${data.server.id}`, concerns }]
  }
}

const NO_SIGHTINGS: readonly Sighted[] = []
const NO_TEXTS: Fleet['texts'] = []
const NO_SILENCE: readonly SilentPep[] = []

/** A definition that nobody vouched for and that speaks to the model, or has changed as no update does. */
export function isAlarming({ isLearnt, concerns, changes }: Version): boolean {
  return !isLearnt && (natsOf(concerns) >= POISONED_NATS || changeNats(changes) >= SUSPICIOUS_CHANGE_NATS)
}
