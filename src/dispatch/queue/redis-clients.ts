import { Redis, type RedisOptions } from 'ioredis'

/**
 * Connections to one Redis that can be cut off together. BullMQ duplicates the client that it is given, and a closing
 * worker would wait for ever for a Redis that is away: whoever holds all clients can end that.
 */
export class RedisClients {
  readonly main: TrackedRedis

  /** `maxRetriesPerRequest` null: commands wait until Redis is back, as a worker's must */
  constructor(url: string, maxRetriesPerRequest: number | null) {
    this.main = new TrackedRedis(url, { maxRetriesPerRequest, retryStrategy })
  }

  /** Rejects whatever still waits for an answer, and stops reconnecting. */
  cut(): void {
    for (const client of [this.main, ...this.main.duplicates]) client.disconnect()
  }
}

class TrackedRedis extends Redis {
  readonly duplicates: Redis[] = []

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const copy = super.duplicate(override)
    this.duplicates.push(copy)
    return copy
  }
}

/** BullMQ's own back-off reaches 20 s; containment waits for the first reconnection. */
function retryStrategy(times: number): number {
  return Math.min(100 * times, 1_000)
}
