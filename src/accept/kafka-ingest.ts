import type { Message } from 'kafkajs'
import type { Provenance, Rejected, ToolEvent } from '../model/index.ts'
import { type Delivery, DeliveryError } from './delivery.ts'
import type { KafkaConnection } from './kafka/client.ts'
import { deadLetter } from './kafka/dead-letters.ts'
import { KafkaWriter } from './kafka/writer.ts'
import type { Signer } from './signature.ts'

export interface KafkaIngestOptions {
  readonly connection: KafkaConnection
  readonly topics: { readonly events: string; readonly deadLetters: string }
  /** Unix milliseconds at which the process started: makes the origin of this run its own */
  readonly startedMs: number
  readonly now: () => number
  /** signs what is written, where readers of the topic ask for signatures: the sender's token was checked at the door */
  readonly sign?: Signer
  /** bytes that may wait for the broker; beyond it `hasRoom` says no (default 32 MiB) */
  readonly maxWaitingBytes?: number
}

/** HTTP ingest in front of Kafka: an event is durable once the broker has it. Redacted before it leaves this process. */
export class KafkaIngest implements Delivery {
  private readonly options: KafkaIngestOptions
  private readonly writer: KafkaWriter
  private readonly origin: string
  private readonly maxWaitingBytes: number
  private position = 0

  constructor(options: KafkaIngestOptions) {
    this.options = options
    this.writer = new KafkaWriter(options.connection)
    this.origin = `http:${options.startedMs}`
    this.maxWaitingBytes = options.maxWaitingBytes ?? 32 * 1024 * 1024
  }

  place(): Provenance {
    return { origin: this.origin, position: this.position++ }
  }

  hasRoom(): boolean {
    return this.writer.bytesWaiting < this.maxWaitingBytes
  }

  async deliver(events: readonly ToolEvent[], rejected: readonly Rejected[]): Promise<void> {
    const { topics, now, sign } = this.options
    const letters = rejected.map((one) =>
      deadLetter(one, originalOf(one), { topic: this.origin, partition: '' }, now()),
    )
    try {
      await Promise.all([
        this.writer.write(
          topics.events,
          events.map((event) => recordOf(event, sign)),
        ),
        this.writer.write(topics.deadLetters, letters),
      ])
    } catch (cause) {
      throw new DeliveryError('unavailable', 'Kafka did not take the events: send them again', { cause })
    }
  }

  close(): Promise<void> {
    return this.writer.close()
  }
}

function originalOf(rejected: Rejected) {
  return { key: rejected.key === undefined ? null : Buffer.from(rejected.key), value: Buffer.from(rejected.bytes) }
}

/** The tenant that the token was bound to travels in the event: Kafka knows no tokens. */
function recordOf({ cloud, data, tenant }: ToolEvent, sign: Signer | undefined): Message {
  const isBound = tenant !== 'default' && data.tenant === undefined
  const value = Buffer.from(JSON.stringify(isBound ? { ...cloud, data: { ...data, tenant } } : cloud))
  const headers = { 'content-type': 'application/cloudevents+json', ...sign?.(value) }
  return { key: recordKey(tenant, data.agent.id), value, headers }
}

/** One agent, one partition: its sessions stay in order. */
export function recordKey(tenant: string, agentId: string): string {
  return tenant === 'default' ? agentId : `${tenant}/${agentId}`
}
