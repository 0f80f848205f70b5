import { setTimeout as delay } from 'node:timers/promises'
import type { CloudEvent } from '../../src/model/index.ts'

const RETRY_MS = 50

/** A PEP that publishes over HTTP: sends a batch again, with the same ids, until it is answered 202. */
export class HttpFeed {
  private readonly url: () => string
  /** batches that were sent again */
  retries = 0

  /** `url` is asked at every attempt: a process that comes back listens elsewhere. */
  constructor(url: () => string) {
    this.url = url
  }

  async send(events: readonly CloudEvent[]): Promise<void> {
    while (!(await this.taken(events))) {
      this.retries++
      await delay(RETRY_MS)
    }
  }

  private async taken(events: readonly CloudEvent[]): Promise<boolean> {
    try {
      const response = await fetch(new URL('/v1/events', this.url()), {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json' },
        body: JSON.stringify(events),
      })
      const body = await response.text()
      if (response.status === 202) return true
      // A server that is away or busy is tried again; one that refuses what it was sent never takes it.
      if (response.status !== 429 && response.status !== 503) throw new RangeError(`${response.status}: ${body}`)
      return false
    } catch (error) {
      if (error instanceof RangeError) throw error
      return false
    }
  }
}
