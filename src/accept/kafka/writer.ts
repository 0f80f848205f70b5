import kafkajs, { type Message, type Producer } from 'kafkajs'
import { connectKafka, type KafkaConnection } from './client.ts'

/** Below the broker's default limit of one batch (1 MiB), in case all records go to one partition. */
const MAX_BYTES_PER_SEND = 768 * 1024

interface Waiting {
  readonly topic: string
  readonly message: Message
  readonly bytes: number
}

interface Group {
  readonly records: readonly Waiting[]
  readonly resolve: () => void
  readonly reject: (cause: unknown) => void
}

/**
 * A producer that loses and doubles nothing it answered for: acks=all, idempotent. One request is on its way at a
 * time, what arrives meanwhile goes together in the next. After a failure a new producer takes over: when a broker dies
 * under it, an idempotent producer's numbering and the broker's can part for good, and then every write would fail.
 */
export class KafkaWriter {
  private readonly connection: KafkaConnection
  private producer: Producer
  private readonly groups: Group[] = []
  private connected: Promise<void> | undefined
  private running: Promise<void> | undefined
  private waitingBytes = 0

  constructor(connection: KafkaConnection) {
    this.connection = connection
    this.producer = producerOf(connection)
  }

  /** bytes that were handed over and are not durable yet */
  get bytesWaiting(): number {
    return this.waitingBytes
  }

  /** Durable on all in-sync replicas when it resolves. */
  write(topic: string, messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return Promise.resolve()
    const records = messages.map((message) => ({ topic, message, bytes: sizeOf(message) }))
    return new Promise((resolve, reject) => {
      this.groups.push({ records, resolve, reject })
      for (const record of records) this.waitingBytes += record.bytes
      this.running ??= this.run().finally(() => {
        this.running = undefined
      })
    })
  }

  /** Safe to call twice; what was handed over before is written first. */
  async close(): Promise<void> {
    await this.running
    if (this.connected !== undefined) await this.producer.disconnect()
    this.connected = undefined
  }

  private async run(): Promise<void> {
    while (this.groups.length > 0) {
      const groups = this.groups.splice(0)
      const records = groups.flatMap((group) => group.records)
      try {
        this.connected ??= this.producer.connect()
        await this.connected
        for (const part of parts(records)) await this.send(part)
        for (const group of groups) group.resolve()
      } catch (cause) {
        this.replaceProducer()
        for (const group of groups) group.reject(cause)
      }
      for (const record of records) this.waitingBytes -= record.bytes
    }
  }

  private replaceProducer(): void {
    this.connected = undefined
    // What it still does fails by itself; there is nothing more to learn from it.
    this.producer.disconnect().catch(() => undefined)
    this.producer = producerOf(this.connection)
  }

  private async send(records: readonly Waiting[]): Promise<void> {
    const byTopic = new Map<string, Message[]>()
    for (const { topic, message } of records) {
      const some = byTopic.get(topic)
      if (some === undefined) byTopic.set(topic, [message])
      else some.push(message)
    }
    const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }))
    await this.producer.sendBatch({ acks: -1, topicMessages })
  }
}

function producerOf(connection: KafkaConnection): Producer {
  return connectKafka(connection).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
}

function parts(records: readonly Waiting[]): Waiting[][] {
  const all: Waiting[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    if (bytes + record.bytes > MAX_BYTES_PER_SEND) {
      all.push([])
      bytes = 0
    }
    all.at(-1)?.push(record)
    bytes += record.bytes
  }
  return all
}

const RECORD_OVERHEAD_BYTES = 256

function sizeOf({ value, key }: Message): number {
  return RECORD_OVERHEAD_BYTES + Buffer.byteLength(value ?? '') + Buffer.byteLength(key ?? '')
}
