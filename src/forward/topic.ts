import { createHash } from 'node:crypto'
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { type NoticeSink, type Parcel, parcelOf } from './forwarder.ts'
import { type Notice, orderKey } from './notice.ts'
import type { TopicWriter } from './wires/kafka.ts'

/** Puts notices into a topic, keyed by agent: one agent's notices stay in order, whoever forwards them. */
export class TopicSink implements NoticeSink {
  private readonly writer: TopicWriter
  private readonly topic: string

  constructor(writer: TopicWriter, topic: string) {
    this.writer = writer
    this.topic = topic
  }

  async put(notices: readonly Notice[]): Promise<void> {
    const records = notices.map((notice) => {
      const { id, body } = parcelOf(notice)
      return { key: orderKey(notice), value: body, headers: { id, 'content-type': 'application/json' } }
    })
    await this.writer.write(this.topic, records)
  }
}

export interface TopicFeedOptions {
  readonly topic: string
  readonly group: string
}

const MAX_WAIT_MS = 100

/**
 * Reads notices from the topic into the backlog of this process. Offsets are committed after the backlog has them
 * durably; what comes again after a rebalance is known there by its id, or sent twice under the same one.
 */
export class TopicFeed {
  private readonly consumer: Consumer
  private readonly topic: string

  constructor(kafka: Kafka, { topic, group }: TopicFeedOptions) {
    this.topic = topic
    this.consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: MAX_WAIT_MS, allowAutoTopicCreation: false })
  }

  /** Works until `signal` aborts. A `take` that rejects is tried again from the same record. */
  async run(
    take: (parcels: readonly Parcel[]) => Promise<void>,
    signal: AbortSignal,
    onError: (error: unknown) => void,
  ): Promise<void> {
    const { consumer } = this
    await consumer.connect()
    await consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    consumer.on(consumer.events.CRASH, ({ payload }) => onError(payload.error))
    await consumer.run({
      autoCommit: true,
      autoCommitInterval: 1_000,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.taken(payload, take),
    })
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      if (signal.aborted) resolve()
    })
    await consumer.disconnect()
  }

  private async taken(payload: EachBatchPayload, take: (parcels: readonly Parcel[]) => Promise<void>): Promise<void> {
    const { batch } = payload
    const last = batch.messages.at(-1)
    if (last === undefined || payload.isStale()) return
    const parcels = batch.messages.flatMap(({ value, headers }): Parcel[] => {
      if (value === null) return []
      // What somebody else wrote into the topic has no id of ours; it is kept as dead when it is no notice.
      const id = headers?.id ?? createHash('sha256').update(value).digest('hex').slice(0, 32)
      return [{ id: String(id), body: value.toString('utf8') }]
    })
    await take(parcels)
    payload.resolveOffset(last.offset)
    await payload.heartbeat()
  }
}
