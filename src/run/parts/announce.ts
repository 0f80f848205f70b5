import { containmentTopic, ensureTopics } from '../../accept/kafka/client.ts'
import { KafkaWriter } from '../../accept/kafka/writer.ts'
import { Announcer } from '../../dispatch/announcer.ts'
import { systemClock } from '../../dispatch/clock.ts'
import type { Posture } from '../../dispatch/posture.ts'
import type { Settings } from '../config.ts'
import type { Log } from '../log.ts'
import { kafkaConnection } from './kafka.ts'

/** Keeps the containment topic: works until `signal` aborts. Does nothing without Kafka. */
export async function announce(settings: Settings, posture: Posture, log: Log, signal: AbortSignal): Promise<void> {
  const { kafka } = settings.config
  if (!kafka) return
  const connection = kafkaConnection(settings, kafka, log)
  const { containment: topic } = kafka.topics
  await ensureTopics(connection, [containmentTopic(topic)])
  const writer = new KafkaWriter(connection)
  const announcer = new Announcer({
    posture,
    clock: systemClock,
    write: (records) => writer.write(topic, records),
    failed: (err) => log.warn({ err, topic }, 'what is contained could not be published; it is tried again'),
  })
  // A broker that is away must not hold up the end of the process: what was not written is at the next start.
  await Promise.race([announcer.run(signal).then(() => writer.close()), afterAbort(signal)])
}

const LAST_WRITE_MS = 2_000

function afterAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => void systemClock.after(LAST_WRITE_MS, resolve), { once: true })
  })
}
