import kafkajs from 'kafkajs'
import { ensureTopics } from '../../src/accept/kafka/client.ts'

export interface TopicReader {
  readonly texts: string[]
  close(): Promise<void>
}

/** Makes a topic and reads it from the beginning, outside of Belay's own code. */
export async function readTopic(brokers: readonly string[], topic: string, partitions = 4): Promise<TopicReader> {
  await ensureTopics({ brokers, clientId: 'reader' }, [{ topic, partitions, retentionMs: 3_600_000 }])
  const retry = { retries: 30, initialRetryTime: 100, maxRetryTime: 2_000 }
  const client = new kafkajs.Kafka({
    brokers: [...brokers],
    clientId: 'reader',
    retry,
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const consumer = client.consumer({ groupId: `reader of ${topic}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const texts: string[] = []
  await consumer.run({ eachMessage: async ({ message }) => void texts.push(message.value?.toString('utf8') ?? '') })
  return { texts, close: () => consumer.disconnect() }
}
