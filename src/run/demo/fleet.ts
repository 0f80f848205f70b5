import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { CloudEvent } from '../../model/index.ts'
import type { DemoGateway, Told } from './gateway.ts'

/** What the player tells its audience. */
export interface Audience {
  called(event: CloudEvent, call: number): void
  /** the gateway refused the agent's call because of a containment */
  refused(event: CloudEvent, call: number, told: Told): void
}

export interface Played {
  readonly sessions: number
  readonly calls: number
  readonly refused: number
  /** when each request event was handed to the ingest, by event id */
  readonly sentMs: ReadonlyMap<string, number>
}

/**
 * Plays recorded sessions through the gateway as if their agents were working now: each call is asked of the gateway,
 * published as a request event, run, and published as a response event. A refused call is published as denied, and the
 * agent gives its session up, as a real one would on an error it cannot pass.
 */
export async function playFleet(options: {
  readonly events: readonly CloudEvent[]
  readonly gateway: DemoGateway
  readonly ingestUrl: string
  /** recorded gaps are divided by this */
  readonly speed: number
  readonly audience: Audience
}): Promise<Played> {
  const sessions = bySession(options.events)
  const startMs = Date.parse(options.events[0]?.time ?? '')
  const sentMs = new Map<string, number>()
  let calls = 0
  let refused = 0
  await Promise.all(
    [...sessions.values()].map(async (events) => {
      let recordedMs = startMs
      let call = 0
      for (const recorded of events) {
        await delay((Date.parse(recorded.time) - recordedMs) / options.speed)
        recordedMs = Date.parse(recorded.time)
        if (recorded.data.phase === 'request') call++
        const told = options.gateway.holds(recorded.data.session.id)
        if (told !== undefined) {
          refused++
          await publish(options.ingestUrl, denied(recorded, told))
          options.audience.refused(recorded, call, told)
          return
        }
        const event = { ...recorded, time: new Date().toISOString() }
        sentMs.set(event.id, Date.now())
        await publish(options.ingestUrl, event)
        if (event.data.phase === 'request') {
          calls++
          options.audience.called(event, call)
        }
      }
    }),
  )
  return { sessions: sessions.size, calls, refused, sentMs }
}

function bySession(events: readonly CloudEvent[]): Map<string, CloudEvent[]> {
  const sessions = new Map<string, CloudEvent[]>()
  for (const event of events) {
    const id = event.data.session.id
    const of = sessions.get(id)
    if (of === undefined) sessions.set(id, [event])
    else of.push(event)
  }
  return sessions
}

function denied(recorded: CloudEvent, told: Told): CloudEvent {
  return {
    ...recorded,
    id: randomUUID(),
    time: new Date().toISOString(),
    data: {
      ...recorded.data,
      phase: 'response',
      result: { status: 'denied' },
      decision: { action: told.action, enforced: true, id: told.containmentId, origin: 'callback' },
    },
  }
}

async function publish(url: string, event: CloudEvent): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(event),
  })
  if (response.status !== 202) throw new Error(`the ingest answered ${response.status}: ${await response.text()}`)
}
