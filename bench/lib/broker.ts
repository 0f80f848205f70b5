import { Kafka, logLevel } from 'kafkajs'
import { ensureTopics, eventTopics } from '../../src/accept/kafka.ts'
import { recordKey } from '../../src/accept/kafka-ingest.ts'
import type { CloudEvent } from '../../src/model/index.ts'
import { type KafkaBroker, ownKafkaBroker } from '../../test/services/kafka.ts'
import type { Progress } from '../main.ts'

export const TOPICS = { events: 'agent.tool.events.v1', deadLetters: 'agent.tool.events.v1.dlq' } as const

/** A real broker of the benchmark's own with the contract's topics. */
export async function openBroker(progress: Progress): Promise<KafkaBroker> {
  progress('starting Kafka')
  const kafka = await ownKafkaBroker()
  if (!kafka.available) throw new Error(`this benchmark needs Kafka: ${kafka.why}`)
  await ensureTopics({ brokers: kafka.service.brokers, clientId: 'bench' }, eventTopics(TOPICS))
  return kafka.service
}

const PER_SEND = 2_000

export async function produce(broker: KafkaBroker, lines: readonly string[]): Promise<void> {
  const producer = client(broker).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let from = 0; from < lines.length; from += PER_SEND) {
    const messages = lines.slice(from, from + PER_SEND).map((value) => {
      const { data, time } = JSON.parse(value) as CloudEvent
      // Published when it happened, so that no event counts as late.
      const timestamp = String(Date.parse(time))
      return { key: recordKey(data.tenant ?? 'default', data.agent.id), value, timestamp }
    })
    await producer.send({ topic: TOPICS.events, messages, acks: -1 })
  }
  await producer.disconnect()
}

/** The peer: kafkajs as it comes, eachBatch and JSON.parse, nothing else. Resolves when `count` events were read. */
export async function readBare(broker: KafkaBroker, group: string, count: number, onFirst: () => void): Promise<void> {
  const consumer = client(broker).consumer({ groupId: group, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [TOPICS.events], fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    let read = 0
    consumer
      .run({
        eachBatch: async ({ batch }) => {
          onFirst()
          for (const { value } of batch.messages) if (value !== null && JSON.parse(value.toString('utf8'))) read++
          if (read >= count) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
}

function client(broker: KafkaBroker): Kafka {
  return new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING, retry: { retries: 20 } })
}
