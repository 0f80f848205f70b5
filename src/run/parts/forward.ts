import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { alertsTopic, connectKafka, ensureTopics } from '../../accept/kafka/client.ts'
import { KafkaWriter } from '../../accept/kafka/writer.ts'
import { systemClock } from '../../dispatch/clock.ts'
import { Backlog } from '../../forward/backlog.ts'
import type { DestinationPlan, ForwardObserver } from '../../forward/destination.ts'
import { Forwarder, NoticeDesk } from '../../forward/forwarder.ts'
import type { NoticeKind } from '../../forward/notice.ts'
import type { Product } from '../../forward/shape.ts'
import { shapes } from '../../forward/shapes/index.ts'
import { TopicFeed, TopicSink } from '../../forward/topic.ts'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { version } from '../version.ts'
import { type KafkaSection, kafkaConnection } from './kafka.ts'
import type { Keys } from './keys.ts'
import { type DestinationSection, openWire } from './wires.ts'

export interface ForwardRoom {
  /** what the pipeline tells */
  readonly desk: NoticeDesk
  /** what sends; absent where another process does */
  readonly forwarder?: Forwarder
  /** Sends until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** After `run` has ended. */
  close(): Promise<void>
}

interface Context {
  readonly keys: Keys
  readonly log: Log
  readonly metrics: Metrics
}

const MS_PER_DAY = 86_400_000

/**
 * Embedded, the pipeline puts notices into the backlog of its own process. With Kafka they go over a topic, so that any
 * number of processes may score and any number forward. Undefined where nothing is forwarded. Throws ConfigError.
 */
export async function openForward(settings: Settings, context: Context): Promise<ForwardRoom | undefined> {
  const { config } = settings
  if (config.forward.length === 0) return undefined
  const forwarder = config.roles.includes('forward') ? openForwarder(settings, context) : undefined
  try {
    return config.kafka ? await overKafka(settings, config.kafka, context, forwarder) : inProcess(config, forwarder)
  } catch (error) {
    await forwarder?.close()
    throw error
  }
}

function inProcess(config: Config, forwarder: Forwarder | undefined): ForwardRoom | undefined {
  if (forwarder === undefined) return undefined
  return {
    desk: new NoticeDesk(forwarder, wantedBy(config)),
    forwarder,
    run: (signal) => forwarder.run(signal),
    close: () => forwarder.close(),
  }
}

async function overKafka(
  settings: Settings,
  section: KafkaSection,
  { log }: Context,
  forwarder: Forwarder | undefined,
): Promise<ForwardRoom> {
  const connection = kafkaConnection(settings, section, log)
  const topic = section.topics.alerts
  await ensureTopics(connection, [alertsTopic(topic)])
  const writer = new KafkaWriter(connection)
  const feed = new TopicFeed(connectKafka(connection), { topic, group: `${section.group}.forward` })
  return {
    desk: new NoticeDesk(new TopicSink(writer, topic), wantedBy(settings.config)),
    ...(forwarder && { forwarder }),
    async run(signal) {
      if (forwarder === undefined) return
      const onError = (err: unknown) => log.warn({ err, topic }, 'findings could not be read; it is tried again')
      await Promise.all([forwarder.run(signal), feed.run((parcels) => forwarder.take(parcels), signal, onError)])
    },
    async close() {
      await writer.close()
      await forwarder?.close()
    },
  }
}

function openForwarder(settings: Settings, { keys, log, metrics }: Context): Forwarder {
  const { config } = settings
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const product = productOf()
  const plans = config.forward.map((section) => planOf(settings, section, product, log))
  return new Forwarder(plans, {
    backlog: new Backlog(join(config.data, 'forward.db')),
    clock: systemClock,
    product,
    redactionKey: keys.redaction,
    random: Math.random,
    observe: witnessForward(log, metrics),
    keepMs: config.retention.undeliveredDays * MS_PER_DAY,
  })
}

function wantedBy({ forward }: Config): ReadonlySet<NoticeKind> {
  return new Set(forward.flatMap(({ send }) => send))
}

export function productOf(): Product {
  return { vendor: 'Belay', name: 'Belay', version: version() }
}

export function planOf(settings: Settings, section: DestinationSection, product: Product, log: Log): DestinationPlan {
  const { name, shape, send, severity, tenants, tags, redact, perSecond } = section
  return {
    name,
    shape: shapes[shape],
    wire: openWire(settings, section, product, log),
    filter: {
      kinds: send,
      ...(severity && { severity }),
      ...(tenants && { tenants }),
      ...(tags && { tags }),
    },
    redact: new Set(redact),
    ...(perSecond !== undefined && { perSecond }),
  }
}

/** What happens to messages, as logs and metrics: the first failure of a row and then each power of two is logged. */
function witnessForward(log: Log, metrics: Metrics): ForwardObserver {
  return {
    sent: (destination, count, lagMs) => metrics.forwarded(destination, count, lagMs),
    failed(destination, why, failuresInARow) {
      metrics.notForwarded(destination, 'failed', 1)
      if ((failuresInARow & (failuresInARow - 1)) !== 0) return
      log.warn({ destination, why, failuresInARow }, 'not forwarded; it waits and is tried again')
    },
    buried(destination, id, why) {
      metrics.notForwarded(destination, 'refused', 1)
      log.error({ destination, id, why }, 'refused by the receiver; see `belay forward dead`')
    },
    expired(destination, count) {
      metrics.notForwarded(destination, 'expired', count)
      log.error({ destination, count }, 'given up: the receiver was away for longer than retention.undeliveredDays')
    },
  }
}
