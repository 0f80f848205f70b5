import { setTimeout as delay } from 'node:timers/promises'
import { serve } from './child.ts'
import { HttpConnection } from './http-connection.ts'

/** Sends `perSecond` ready-made requests for `seconds`, whatever becomes of the earlier ones, over connections as needed. */
export interface Rate {
  readonly url: string
  readonly perSecond: number
  readonly seconds: number
  /** of which the first are not counted */
  readonly warmUpSeconds: number
  readonly requests: Requests
}

export type Requests =
  | { readonly kind: 'decisions'; readonly sessions: number }
  | { readonly kind: 'decide'; readonly events: readonly string[] }

export interface RateAnswer {
  /** milliseconds from when a request was due to its answer */
  readonly latencies: readonly number[]
  readonly statuses: Readonly<Record<string, number>>
}

serve<Rate>(play)

async function play({ url, perSecond, seconds, warmUpSeconds, requests }: Rate): Promise<RateAnswer> {
  const target = new URL(url)
  const make = requests.kind === 'decisions' ? decisions(target, requests.sessions) : decide(target, requests.events)
  const idle: HttpConnection[] = []
  const latencies: number[] = []
  const statuses: Record<string, number> = {}
  const sent: Promise<void>[] = []
  const startMs = performance.now() + 50
  const total = perSecond * seconds
  for (let at = 0; at < total; at++) {
    const dueMs = startMs + (1000 * at) / perSecond
    if (dueMs - performance.now() > 1) await delay(dueMs - performance.now())
    const connection = idle.shift() ?? new HttpConnection(target)
    // Timers are coarse: one that went out early is measured from when it did.
    const fromMs = Math.min(dueMs, performance.now())
    sent.push(
      connection.send(make(at)).then((status) => {
        idle.push(connection)
        if (at < perSecond * warmUpSeconds) return
        latencies.push(performance.now() - fromMs)
        statuses[status] = (statuses[status] ?? 0) + 1
      }),
    )
    if (sent.length > 4_000) await Promise.all(sent.splice(0, 2_000))
  }
  await Promise.all(sent)
  for (const connection of idle) connection.close()
  return { latencies, statuses }
}

function decisions({ host }: URL, sessions: number): (at: number) => Buffer {
  return (at) => {
    // Every other session is contained.
    const session = `session-${(at * 7919) % (2 * sessions)}`
    return Buffer.from(
      `GET /v1/decisions?session=${session}&agent=agent-${at % 500}&server=files&tool=read_file HTTP/1.1\r\nhost: ${host}\r\n\r\n`,
    )
  }
}

function decide({ host }: URL, events: readonly string[]): (at: number) => Buffer {
  return (at) => {
    const body = events[at] ?? ''
    const head = `POST /v1/decide HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/cloudevents+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
    return Buffer.from(head + body)
  }
}
