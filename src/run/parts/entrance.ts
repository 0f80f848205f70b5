import type { Delivery } from '../../accept/delivery.ts'
import { HttpSource } from '../../accept/http.ts'
import { ensureTopics, eventTopics, KafkaSource } from '../../accept/kafka.ts'
import { KafkaIngest } from '../../accept/kafka-ingest.ts'
import { createSigner } from '../../accept/signature.ts'
import type { Source } from '../../accept/source.ts'
import type { Store } from '../../store/store.ts'
import type { Settings } from '../config.ts'
import type { Log } from '../log.ts'
import type { Door } from './accept.ts'
import { type KafkaSection, kafkaConnection, signatureVerifier } from './kafka.ts'
import type { Keys } from './keys.ts'

/** How events come in: where the HTTP routes put them, and where the pipeline takes them from. */
export interface Entrance {
  readonly delivery: Delivery
  readonly source: Source
  /** records that wait in Kafka, as far as this process knows */
  readonly lag?: () => number
  /** Safe to call twice. */
  close(): Promise<void>
}

/** Names the ingest's own key to readers of the topic. */
const INGEST_KID = 'belay-ingest'

interface Context {
  readonly door: Door
  readonly keys: Keys
  readonly store: Pick<Store, 'write'>
  readonly log: Log
}

export async function openEntrance(settings: Settings, context: Context): Promise<Entrance> {
  const { kafka, limits } = settings.config
  if (kafka) return overKafka(settings, kafka, context)
  const { maxBatchEvents, maxUnstored } = limits
  const source = new HttpSource({ startedMs: Date.now(), maxBatchEvents, maxWaitingEvents: maxUnstored })
  return { delivery: source, source, close: () => source.close() }
}

/** The ingest writes to the topic that the pipeline reads, so that one order of events holds for both ways in. */
async function overKafka(settings: Settings, section: KafkaSection, context: Context): Promise<Entrance> {
  const { door, keys, store, log } = context
  const connection = kafkaConnection(settings, section, log)
  const { topics, group } = section
  const sessionTimeoutMs = section.sessionTimeoutSeconds * 1000
  await ensureTopics(connection, eventTopics(topics))
  const { maxBatchEvents } = settings.config.limits
  const ingestKey = { kid: INGEST_KID, key: keys.ingest }
  const verify = signatureVerifier(settings, section, ingestKey)
  const limits = { maxBatchEvents, sessionTimeoutMs }
  const source = new KafkaSource({ ...door, ...limits, connection, group, topics, verify, now: Date.now })
  let closed: Promise<void> | undefined
  const sign = section.signing.mode === 'off' ? {} : { sign: createSigner(ingestKey) }
  const ingest = new KafkaIngest({ connection, topics, startedMs: Date.now(), now: Date.now, ...sign })
  return {
    delivery: keepingRejected(ingest, store, log),
    source,
    lag: () => source.lag,
    close() {
      closed ??= Promise.all([ingest.close(), source.close()]).then(() => undefined)
      return closed
    },
  }
}

/**
 * What was refused at the door is durable in Kafka's dead-letter topic; the store has it too, so that `belay dlq` shows
 * it. A store that is away delays no answer.
 */
function keepingRejected(delivery: Delivery, store: Pick<Store, 'write'>, log: Log): Delivery {
  return {
    place: () => delivery.place(),
    hasRoom: () => delivery.hasRoom(),
    async deliver(events, rejected, bytes) {
      await delivery.deliver(events, rejected, bytes)
      if (rejected.length === 0) return
      store
        .write([], rejected)
        .catch((err) => log.warn({ err, count: rejected.length }, 'refused events are in the dead-letter topic only'))
    },
  }
}
