import { connect } from 'node:net'
import { connectKafka } from '../../accept/kafka/client.ts'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { kafkaConnection } from '../parts/kafka.ts'
import type { Check, CheckResult } from './check.ts'

export function checkKafka(settings: Settings, kafka: NonNullable<Config['kafka']>): Check {
  return {
    name: 'Kafka',
    run: async () => {
      const closed = await unreachable(kafka.brokers)
      if (closed.length === kafka.brokers.length)
        return {
          state: 'failed',
          detail: `nothing listens on ${closed.join(', ')}`,
          todo: 'check kafka.brokers, and that the broker runs',
        }
      const admin = connectKafka(kafkaConnection(settings, kafka)).admin()
      try {
        await admin.connect()
        const existing = new Set(await admin.listTopics())
        const missing = Object.values(kafka.topics).filter((topic) => !existing.has(topic))
        if (missing.length > 0) return topicsMissing(kafka.brokers, missing)
        const { topics } = await admin.fetchTopicMetadata({ topics: [kafka.topics.events] })
        return {
          state: 'ok',
          detail: `${kafka.brokers.join(', ')}; ${topics[0]?.partitions.length ?? 0} partitions of ${kafka.topics.events}`,
        }
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        return {
          state: 'failed',
          detail,
          todo: 'check kafka.brokers, kafka.tls and kafka.sasl, and that the broker advertises an address that this machine reaches',
        }
      } finally {
        await admin.disconnect()
      }
    },
  }
}

/** Asked before Kafka's own client is, which has the patience to wait for a broker that restarts. */
async function unreachable(brokers: readonly string[]): Promise<readonly string[]> {
  const states = await Promise.all(brokers.map(listens))
  return brokers.filter((_, at) => states[at] === false)
}

function listens(broker: string): Promise<boolean> {
  const at = broker.lastIndexOf(':')
  const socket = connect({ host: broker.slice(0, at), port: Number(broker.slice(at + 1)), timeout: 3_000 })
  return new Promise((resolve) => {
    const done = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', done(true)).once('error', done(false)).once('timeout', done(false))
  })
}

function topicsMissing(brokers: readonly string[], missing: readonly string[]): CheckResult {
  const create = (topic: string) =>
    `kafka-topics.sh --bootstrap-server ${brokers[0]} --create --topic ${topic} --partitions 12`
  return {
    state: 'warning',
    detail: `no topic ${missing.join(', ')}`,
    todo: `\`belay up\` creates it where it may; else: ${missing.map(create).join('; ')}`,
  }
}
