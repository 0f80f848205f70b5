import kafkajs, { type Kafka, type Message, type Producer } from 'kafkajs'
import { recordKey } from '../../src/accept/kafka-ingest.ts'
import type { CloudEvent } from '../../src/model/index.ts'

export const TOPICS = { events: 'agent.tool.events.v1', deadLetters: 'agent.tool.events.v1.dlq' } as const

/** A PEP that publishes to Kafka: acks=all, patient with a broker that is away; what it repeats is counted once. */
export class KafkaFeed {
  private readonly producer: Producer

  constructor(brokers: readonly string[]) {
    this.producer = client(brokers).producer({ maxInFlightRequests: 1 })
  }

  connect(): Promise<void> {
    return this.producer.connect()
  }
  close(): Promise<void> {
    return this.producer.disconnect()
  }

  /** Resolves when the broker has them. */
  async publish(events: readonly CloudEvent[]): Promise<void> {
    await this.send(events.map(recordOf))
  }

  async send(messages: Message[], compression = kafkajs.CompressionTypes.None): Promise<void> {
    await this.producer.send({ topic: TOPICS.events, messages, acks: -1, compression })
  }
}

export function client(brokers: readonly string[]): Kafka {
  const retry = { retries: 60, initialRetryTime: 100, maxRetryTime: 1_000 }
  return new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING, retry })
}

function recordOf(event: CloudEvent): Message {
  const { tenant = 'default', agent } = event.data
  return { key: recordKey(tenant, agent.id), value: JSON.stringify(event) }
}

/** What lies in the group's hands: records of the events topic that are not committed. */
export async function uncommitted(brokers: readonly string[], group = 'belay'): Promise<number> {
  const admin = client(brokers).admin()
  await admin.connect()
  try {
    const [ends, [committed]] = await Promise.all([
      admin.fetchTopicOffsets(TOPICS.events),
      admin.fetchOffsets({ groupId: group, topics: [TOPICS.events] }),
    ])
    const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    return ends.reduce((sum, { partition, high }) => sum + Number(high) - Math.max(0, offsets.get(partition) ?? 0), 0)
  } finally {
    await admin.disconnect()
  }
}
