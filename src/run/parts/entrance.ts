import type { Delivery } from '../../accept/delivery.ts'
import { HttpSource } from '../../accept/http.ts'
import { ensureTopics, eventTopics, KafkaSource } from '../../accept/kafka.ts'
import { KafkaIngest } from '../../accept/kafka-ingest.ts'
import type { Source } from '../../accept/source.ts'
import type { Settings } from '../config.ts'
import type { Log } from '../log.ts'
import type { Door } from './accept.ts'
import { type KafkaSection, kafkaConnection, signatureVerifier } from './kafka.ts'

/** How events come in: where the HTTP routes put them, and where the pipeline takes them from. */
export interface Entrance {
  readonly delivery: Delivery
  readonly source: Source
  /** records that wait in Kafka, as far as this process knows */
  readonly lag?: () => number
  /** Safe to call twice. */
  close(): Promise<void>
}

export async function openEntrance(settings: Settings, door: Door, log: Log): Promise<Entrance> {
  const { kafka, limits } = settings.config
  if (kafka) return overKafka(settings, kafka, door, log)
  const { maxBatchEvents, maxUnstored } = limits
  const source = new HttpSource({ startedMs: Date.now(), maxBatchEvents, maxWaitingEvents: maxUnstored })
  return { delivery: source, source, close: () => source.close() }
}

/** The ingest writes to the topic that the pipeline reads, so that one order of events holds for both ways in. */
async function overKafka(settings: Settings, section: KafkaSection, door: Door, log: Log): Promise<Entrance> {
  const connection = kafkaConnection(settings, section, log)
  const { topics, group } = section
  const sessionTimeoutMs = section.sessionTimeoutSeconds * 1000
  await ensureTopics(connection, eventTopics(topics))
  const { maxBatchEvents } = settings.config.limits
  const verify = signatureVerifier(settings, section)
  const limits = { maxBatchEvents, sessionTimeoutMs }
  const source = new KafkaSource({ ...door, ...limits, connection, group, topics, verify, now: Date.now })
  let closed: Promise<void> | undefined
  const ingest = new KafkaIngest({ connection, topics, startedMs: Date.now(), now: Date.now })
  return {
    delivery: ingest,
    source,
    lag: () => source.lag,
    close() {
      closed ??= Promise.all([ingest.close(), source.close()]).then(() => undefined)
      return closed
    },
  }
}
