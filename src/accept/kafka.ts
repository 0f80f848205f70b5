import type { Consumer, EachBatchPayload } from 'kafkajs'
import { connectKafka, type KafkaConnection } from './kafka/client.ts'
import { deadLetter } from './kafka/dead-letters.ts'
import { Ledger, type LedgerEntry } from './kafka/ledger.ts'
import { type Assignment, Partitions, type Taken } from './kafka/partitions.ts'
import { decodeRecords, type RecordParts, type Refused } from './kafka/records.ts'
import { KafkaWriter } from './kafka/writer.ts'
import type { Batch, Source } from './source.ts'

export { ensureTopics, eventTopics, type KafkaConnection, type KafkaLogin } from './kafka/client.ts'

export interface KafkaSourceOptions extends RecordParts {
  readonly connection: KafkaConnection
  readonly group: string
  readonly topics: { readonly events: string; readonly deadLetters: string }
  /** Unix milliseconds, for the dead letters' `dlq-at` */
  readonly now: () => number
  /** events in one batch at most (default 5,000) */
  readonly maxBatchEvents?: number
  /** silence after which the brokers give this process's partitions to others (default 30,000) */
  readonly sessionTimeoutMs?: number
}

const MAX_WAIT_MS = 100
/** Records can be large: what is fetched ahead, one batch and what is yielded but not acknowledged are bounded in bytes. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024
const MAX_BATCH_BYTES = 16 * 1024 * 1024
const MAX_OPEN_BYTES = 128 * 1024 * 1024
const HEARTBEAT_MS = 1_000
const SESSION_TIMEOUT_MS = 30_000

/**
 * A consumer group as a source. kafkajs fetches ahead into a bounded queue and waits while it is full; a batch is
 * yielded as soon as the pipeline asks and anything waits, whatever partitions it comes from.
 *
 * Offsets are committed in the order in which batches were yielded, after `acknowledge`. After a rebalance everything
 * that was not committed comes again, to whoever has the partition now: batches yielded before it no longer commit.
 */
export class KafkaSource implements Source {
  readonly name = 'kafka'
  private readonly options: KafkaSourceOptions
  private readonly maxBatchEvents: number
  private readonly consumer: Consumer
  private readonly deadLetters: KafkaWriter
  private readonly partitions = new Partitions()
  private readonly ledger = new Ledger()
  private wakeReader: (() => void) | undefined
  private wakeFetcher: (() => void) | undefined
  private committing: Promise<void> = Promise.resolve()
  private nextCommit: Promise<void> | undefined
  private crash: Error | undefined
  private isStopping = false
  private isConnected = false
  private hasJoined = false
  /** of batches that were yielded and neither acknowledged nor abandoned */
  private openBytes = 0

  constructor(options: KafkaSourceOptions) {
    this.options = options
    this.maxBatchEvents = options.maxBatchEvents ?? 5_000
    this.deadLetters = new KafkaWriter(options.connection)
    this.consumer = connectKafka(options.connection).consumer({
      groupId: options.group,
      minBytes: 1,
      maxWaitTimeInMs: MAX_WAIT_MS,
      sessionTimeout: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      allowAutoTopicCreation: false,
    })
  }

  /** Records that the broker has and that were not yielded yet, as of the last fetch. */
  get lag(): number {
    return this.partitions.lag()
  }

  async *batches(signal: AbortSignal): AsyncIterable<Batch> {
    const stop = () => this.stopFetching()
    signal.addEventListener('abort', stop, { once: true })
    try {
      if (signal.aborted) return
      await this.start()
      while (!signal.aborted) {
        if (this.crash !== undefined) throw this.crash
        if (this.partitions.waiting === 0 || this.openBytes >= MAX_OPEN_BYTES) await this.somethingWaits(signal)
        else yield this.nextBatch()
      }
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  async close(): Promise<void> {
    this.stopFetching()
    await (this.nextCommit ?? this.committing).catch(() => undefined)
    if (this.isConnected) await this.consumer.disconnect()
    this.isConnected = false
    await this.deadLetters.close()
  }

  private async start(): Promise<void> {
    const { consumer } = this
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.partitions.assign(this.options.topics.events, payload.memberAssignment[this.options.topics.events] ?? [])
      this.hasJoined = true
      if (this.isStopping) this.pause()
      this.wakeReader?.()
    })
    consumer.on(consumer.events.REBALANCING, () => this.partitions.revokeAll())
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.partitions.revokeAll()
      if (!payload.restart) this.crash = payload.error
      this.wakeReader?.()
    })
    await consumer.connect()
    this.isConnected = true
    await consumer.subscribe({ topics: [this.options.topics.events], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.fetched(payload),
    })
  }

  /** Takes what was fetched when there is room; kafkajs fetches the next when this returns. */
  private async fetched(fetch: EachBatchPayload): Promise<void> {
    const { batch } = fetch
    await fetch.heartbeat()
    while (this.isFull() && this.isWanted(fetch)) {
      await this.roomOrTime()
      await fetch.heartbeat()
    }
    const last = batch.messages.at(-1)
    if (last === undefined || !this.isWanted(fetch)) return
    if (!this.partitions.add(batch.topic, batch.partition, batch.messages, Number(batch.highWatermark))) return
    fetch.resolveOffset(last.offset)
    this.wakeReader?.()
  }

  private isFull(): boolean {
    const { waiting, waitingBytes } = this.partitions
    return waiting >= this.maxBatchEvents * 2 || waitingBytes >= MAX_WAITING_BYTES
  }

  private isWanted(fetch: EachBatchPayload): boolean {
    return !this.isStopping && fetch.isRunning() && !fetch.isStale()
  }

  private nextBatch(): Batch {
    const assigned = this.partitions.takeRestarted()
    const taken = this.partitions.take(this.maxBatchEvents, MAX_BATCH_BYTES)
    this.wakeFetcher?.()
    const { events, refused } = decodeRecords(taken, this.options)
    const entry = this.ledger.begin(new Map(taken.map((one) => [one.assignment, offsetAfter(one)])))
    const settle = this.countOpen(taken)
    // What is kept until the batch is stored must not hold its records, which are garbage as soon as they are decoded.
    const firsts = firstOffsets(taken)
    const abandon = () => {
      settle()
      return this.stepBack(firsts, entry)
    }
    return {
      events,
      assigned,
      rejected: refused.map((one) => one.rejected),
      acknowledge: async () => {
        try {
          await this.bury(refused)
        } catch (cause) {
          await abandon()
          throw cause
        }
        settle()
        this.ledger.done(entry)
        await this.commit()
      },
      abandon,
    }
  }

  /** Counts a batch as open until the returned function is called. */
  private countOpen(taken: readonly Taken[]): () => void {
    let bytes = taken.reduce((sum, one) => sum + one.bytes, 0)
    this.openBytes += bytes
    return () => {
      this.openBytes -= bytes
      bytes = 0
      this.wakeReader?.()
    }
  }

  /** Dead letters are durable before the offset that passes them. */
  private async bury(refused: readonly Refused[]): Promise<void> {
    const letters = refused.map(({ rejected, original, assignment }) =>
      deadLetter(rejected, original, assignment, this.options.now()),
    )
    await this.deadLetters.write(this.options.topics.deadLetters, letters)
  }

  /** Reads the partitions of a batch again from the batch's first record. */
  private stepBack(firsts: ReadonlyMap<Assignment, string>, entry: LedgerEntry): Promise<void> {
    for (const [assignment, offset] of firsts) {
      if (!this.partitions.isCurrent(assignment)) continue
      const { topic, partition } = assignment
      this.partitions.restart(topic, partition)
      if (!this.isStopping) this.consumer.seek({ topic, partition, offset })
    }
    this.ledger.dropped(entry)
    return Promise.resolve()
  }

  /** One commit is on its way at a time; what is acknowledged meanwhile goes together in the next. */
  private commit(): Promise<void> {
    this.nextCommit ??= this.committing
      .catch(() => undefined)
      .then(() => {
        this.nextCommit = undefined
        const offsets = this.ledger.takeReady((assignment) => this.partitions.isCurrent(assignment))
        this.committing = offsets.length === 0 ? Promise.resolve() : this.consumer.commitOffsets(offsets)
        return this.committing
      })
    return this.nextCommit
  }

  /** What was fetched and not yielded is dropped: it was not committed, so it comes again. */
  private stopFetching(): void {
    if (this.isStopping) return
    this.isStopping = true
    if (this.hasJoined && this.isConnected) this.pause()
    this.wakeReader?.()
    this.wakeFetcher?.()
  }

  private pause(): void {
    this.consumer.pause([{ topic: this.options.topics.events }])
  }

  private somethingWaits(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      this.wakeReader = () => {
        this.wakeReader = undefined
        resolve()
      }
    })
  }

  private roomOrTime(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, HEARTBEAT_MS)
      this.wakeFetcher = () => {
        clearTimeout(timer)
        this.wakeFetcher = undefined
        resolve()
      }
    })
  }
}

function firstOffsets(taken: readonly Taken[]): ReadonlyMap<Assignment, string> {
  const firsts = new Map<Assignment, string>()
  for (const { assignment, messages } of taken) {
    const offset = messages[0]?.offset
    if (offset !== undefined && !firsts.has(assignment)) firsts.set(assignment, offset)
  }
  return firsts
}

function offsetAfter({ messages }: Taken): number {
  return Number(messages.at(-1)?.offset) + 1
}
