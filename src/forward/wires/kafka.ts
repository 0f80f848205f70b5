import { allTaken, type Message, retry, type Sent, type Wire } from '../wire.ts'

/** Writes records to a topic, by an idempotent producer; durable on all replicas in sync when it resolves. */
export interface TopicWriter {
  write(topic: string, records: readonly TopicRecord[]): Promise<void>
  close(): Promise<void>
}

export interface TopicRecord {
  readonly key: string
  readonly value: string
  readonly headers: Readonly<Record<string, string>>
}

/** A Kafka topic, keyed by tenant and agent, so that what is told of one agent keeps its order. */
export class KafkaTopic implements Wire {
  readonly maxBatch = 1_000
  private readonly writer: TopicWriter
  private readonly topic: string
  private readonly contentType: string

  constructor(writer: TopicWriter, topic: string, isJson: boolean) {
    this.writer = writer
    this.topic = topic
    this.contentType = isJson ? 'application/json' : 'text/plain; charset=utf-8'
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const records = messages.map(({ id, key, text }) => ({
      key,
      value: text,
      headers: { id, 'content-type': this.contentType },
    }))
    try {
      await this.writer.write(this.topic, records)
      return allTaken(messages)
    } catch (error) {
      return retry(error)
    }
  }

  close(): Promise<void> {
    return this.writer.close()
  }
}
