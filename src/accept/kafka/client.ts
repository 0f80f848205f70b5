import { setTimeout as delay } from 'node:timers/promises'
import kafkajs, { type Admin, type Kafka, type logLevel, type SASLOptions } from 'kafkajs'
import { registerCodecs } from './codecs.ts'

export interface KafkaLogEntry {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type KafkaLogin =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  /** `token` is asked at every (re)authentication */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> }

/** How to reach a Kafka cluster; the same for the source, the ingest and the creation of topics. */
export interface KafkaConnection {
  /** host:port */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** present: TLS; all members are PEM texts, without `ca` the system's authorities are trusted */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly login?: KafkaLogin
  readonly log?: (entry: KafkaLogEntry) => void
}

const { Kafka: KafkaClient, logLevel: LEVEL } = kafkajs

/** Patience with a broker that restarts: 30 tries, at most 2 s apart, so about 50 s. */
const RETRY = { retries: 30, initialRetryTime: 100, maxRetryTime: 2_000 }

export function connectKafka(connection: KafkaConnection): Kafka {
  registerCodecs()
  const { brokers, clientId, tls, login, log } = connection
  return new KafkaClient({
    brokers: [...brokers],
    clientId,
    retry: RETRY,
    connectionTimeout: 5_000,
    ...(tls && {
      ssl: { ...(tls.ca && { ca: [tls.ca] }), ...(tls.cert && { cert: tls.cert }), ...(tls.key && { key: tls.key }) },
    }),
    ...(login && { sasl: saslOf(login) }),
    logLevel: LEVEL.INFO,
    logCreator: () => (entry) => {
      const { message, timestamp: _timestamp, logger: _logger, ...fields } = entry.log
      log?.({ level: levelName(entry.level), message, fields })
    },
  })
}

function saslOf(login: KafkaLogin): SASLOptions {
  if (login.mechanism !== 'oauthbearer') return login
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await login.token() }) }
}

function levelName(level: logLevel): KafkaLogEntry['level'] {
  if (level === LEVEL.ERROR) return 'error'
  if (level === LEVEL.WARN) return 'warn'
  return level === LEVEL.INFO ? 'info' : 'debug'
}

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  /** absent: compacted, the newest record of each key is kept for ever */
  readonly retentionMs?: number
}

const MS_PER_DAY = 86_400_000

/** The contract's topics. The number of partitions is for ever: changing it moves agents to other partitions. */
export function eventTopics(names: { readonly events: string; readonly deadLetters: string }): readonly TopicSpec[] {
  return [
    { topic: names.events, partitions: 12, retentionMs: 7 * MS_PER_DAY },
    { topic: names.deadLetters, partitions: 12, retentionMs: 14 * MS_PER_DAY },
  ]
}

/** Findings on their way from those that score to those that forward. */
export function alertsTopic(topic: string): TopicSpec {
  return { topic, partitions: 12, retentionMs: 7 * MS_PER_DAY }
}

/** What is contained now, for PEPs that start: one partition, so that its revisions are in order. */
export function containmentTopic(topic: string): TopicSpec {
  return { topic, partitions: 1 }
}

/** Creates the topics that do not exist, with the cluster's own replication; leaves those that do as they are. */
export async function ensureTopics(connection: KafkaConnection, topics: readonly TopicSpec[]): Promise<void> {
  const admin = connectKafka(connection).admin()
  await admin.connect()
  try {
    const existing = new Set(await admin.listTopics())
    const missing = topics.filter(({ topic }) => !existing.has(topic))
    if (missing.length === 0) return
    await admin.createTopics({
      waitForLeaders: false,
      topics: missing.map(({ topic, partitions, retentionMs }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: -1,
        configEntries: [
          retentionMs === undefined
            ? { name: 'cleanup.policy', value: 'compact' }
            : { name: 'retention.ms', value: String(retentionMs) },
        ],
      })),
    })
    for (const { topic } of missing) await led(admin, topic)
  } finally {
    await admin.disconnect()
  }
}

const LOOK_EVERY_MS = 50
const LOOKS = 400

/** Waits until every partition has a leader. kafkajs's own wait gives up when a broker has not heard of the topic yet. */
async function led(admin: Admin, topic: string): Promise<void> {
  for (let look = 1; ; look++) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      if (topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return
    } catch (error) {
      if (look >= LOOKS || !(error as { readonly retriable?: boolean }).retriable) throw error
    }
    if (look >= LOOKS) throw new Error(`Kafka: topic ${topic} was created and has no leader; look at the brokers' logs`)
    await delay(LOOK_EVERY_MS)
  }
}
