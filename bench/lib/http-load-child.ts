import { setTimeout as delay } from 'node:timers/promises'
import { serve } from './child.ts'
import { benchEvents } from './events.ts'
import { eventsRequest, HttpConnection } from './http-connection.ts'

/** As many events as are answered in `seconds` after as long a warm-up, over `connections`, each with one request on its way. */
export interface Flood {
  readonly kind: 'flood'
  readonly url: string
  readonly perRequest: number
  readonly connections: number
  readonly seconds: number
  /** makes the events' ids this run's own */
  readonly run: string
}

/** `perSecond` events in requests of `perRequest`, ever new sessions, for `seconds`. */
export interface Steady {
  readonly kind: 'steady'
  readonly url: string
  readonly perRequest: number
  readonly perSecond: number
  readonly seconds: number
  readonly run: string
}

export interface Load {
  readonly events: number
  readonly seconds: number
  /** answers other than 2xx */
  readonly refused: number
}

const FLOOD_EVENTS = 20_000
/** Stands in all names that must be new when an event is sent again, and is written over with a number as long. */
const ROUND = '00000000'

/** events made at a time; sessions are as old as their stretch at most */
const STRETCH_EVENTS = 5_000

serve<Flood | Steady>((task) => (task.kind === 'flood' ? flood(task) : steady(task)))

async function flood({ url, perRequest, connections, seconds, run }: Flood): Promise<Load> {
  const target = new URL(url)
  const named = `${run}.${ROUND}`
  const events = benchEvents(FLOOD_EVENTS, { startMs: Date.now(), gapMs: 0, run: named })
  const requests = requestsOf(events, perRequest, target).map((bytes) => new Resendable(bytes, named))
  const load = { events: 0, seconds: 0, refused: 0 }
  const startMs = performance.now() + seconds * 1000
  const endMs = startMs + seconds * 1000
  let at = 0
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = new HttpConnection(target)
      while (performance.now() < endMs) {
        const request = requests[at % requests.length]
        if (request === undefined) break
        const status = await connection.send(request.inRound(Math.floor(at++ / requests.length)))
        if (status >= 300) load.refused++
        else if (performance.now() >= startMs && performance.now() < endMs) load.events += perRequest
      }
      connection.close()
    }),
  )
  return { ...load, seconds }
}

/** A request that is sent again and again, each time with new sessions, calls and events in it. */
class Resendable {
  private readonly bytes: Buffer
  private readonly places: number[] = []

  constructor(bytes: Buffer, named: string) {
    this.bytes = bytes
    for (let at = bytes.indexOf(named); at >= 0; at = bytes.indexOf(named, at + 1))
      this.places.push(at + named.length - ROUND.length)
  }

  inRound(round: number): Buffer {
    const digits = String(round).padStart(ROUND.length, '0')
    for (const at of this.places) this.bytes.write(digits, at, 'latin1')
    return this.bytes
  }
}

async function steady({ url, perRequest, perSecond, seconds, run }: Steady): Promise<Load> {
  const target = new URL(url)
  const connections: HttpConnection[] = []
  const load = { events: 0, seconds, refused: 0 }
  const startMs = performance.now()
  const gapMs = (1000 * perRequest) / perSecond
  const sent: Promise<void>[] = []
  let events: string[] = []
  for (let at = 0; performance.now() - startMs < seconds * 1000; at++) {
    if (events.length < perRequest)
      events = benchEvents(STRETCH_EVENTS, {
        startMs: Date.now(),
        gapMs: 1000 / perSecond,
        seed: at,
        run: `${run}-${at}`,
      })
    await delay(Math.max(0, startMs + at * gapMs - performance.now()))
    const request = eventsRequest(target, events.splice(0, perRequest))
    // In turn, so that none is idle until the server closes it.
    const connection = connections.shift() ?? new HttpConnection(target)
    const one = connection.send(request).then((status) => {
      connections.push(connection)
      if (status >= 300) load.refused++
      else load.events += perRequest
    })
    sent.push(one)
    if (sent.length > 1_000) await Promise.all(sent.splice(0, 500))
  }
  await Promise.all(sent)
  for (const connection of connections) connection.close()
  return load
}

function requestsOf(events: readonly string[], perRequest: number, url: URL): Buffer[] {
  const requests: Buffer[] = []
  for (let from = 0; from + perRequest <= events.length; from += perRequest)
    requests.push(eventsRequest(url, events.slice(from, from + perRequest)))
  return requests
}
