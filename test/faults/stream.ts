import { writeFileSync } from 'node:fs'
import { finance, hijackedNotice } from '../../scripts/fixtures/finance.ts'
import { research } from '../../scripts/fixtures/research.ts'
import { support } from '../../scripts/fixtures/support.ts'
import { eventsOf, type Job, type Random, type Role, seeded } from '../../scripts/fixtures/world.ts'
import type { CloudEvent } from '../../src/model/index.ts'

const ROLES = [finance, support, research] as const
const HOUR_MS = 3_600_000
/** Sessions that run at the same time. */
const OPEN = 60

export interface StreamOptions {
  readonly seed: number
  readonly events: number
  /** begins every session id: streams of one test must not share sessions */
  readonly name: string
  /** Unix milliseconds of the first event */
  readonly startMs: number
  readonly gapMs: number
  /** sessions of role finance that are hijacked, at places spread over the stream */
  readonly puppets: number
}

export interface Stream {
  /** in the order in which gateways would send them */
  readonly events: readonly CloudEvent[]
  /** ids of the hijacked sessions */
  readonly puppets: readonly string[]
}

/** Live traffic of the fixture world: many agents, each with one session at a time. The same seed, the same stream. */
export function liveStream({ seed, events: count, name, startMs, gapMs, puppets }: StreamOptions): Stream {
  const random = seeded(seed)
  const hijacked: string[] = []
  const open: CloudEvent[][] = []
  const events: CloudEvent[] = []
  for (let number = 0; events.length < count; ) {
    while (open.length < OPEN) {
      const session = `${name}-${number}`
      const isDue = hijacked.length < puppets && events.length >= (count * 0.9 * (hijacked.length + 1)) / (puppets + 1)
      if (isDue) hijacked.push(session)
      const role = isDue ? finance : (ROLES[number % ROLES.length] ?? finance)
      const job = isDue ? hijackedNotice(random) : role.job(random)
      open.push(sessionOf(role, `${role.name}-${name}-${number++}`, session, 0, job, random))
    }
    const at = random.int(0, open.length - 1)
    const event = open[at]?.shift()
    if (event === undefined) open.splice(at, 1)
    else events.push({ ...event, time: new Date(startMs + events.length * gapMs).toISOString() })
  }
  return { events, puppets: hijacked }
}

/** Writes clean history: each of 21 days before `aroundMs`, at this hour, so that no test depends on when it runs. */
export function writeHistory(path: string, aroundMs: number, sessions = 300): void {
  const random = seeded(11)
  const events: CloudEvent[] = []
  for (let number = 0; number < sessions; number++) {
    const role = ROLES[number % ROLES.length] ?? finance
    const day = Math.ceil(((sessions - number) / sessions) * 21)
    const startMs = Math.round(aroundMs - day * 24 * HOUR_MS + (random.next() * 3 - 1) * HOUR_MS)
    const agent = `${role.name}-past-${number % 40}`
    events.push(...sessionOf(role, agent, `past-${number}`, startMs, role.job(random), random))
  }
  writeFileSync(path, toNdjson(events))
}

export function toNdjson(events: readonly CloudEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('')
}

function sessionOf(role: Role, agent: string, session: string, startMs: number, job: Job, random: Random) {
  return eventsOf(role, agent, session, startMs, job, random).map((line) => line.event as unknown as CloudEvent)
}
