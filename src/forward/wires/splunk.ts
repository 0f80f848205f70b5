import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Clock, pause } from '../clock.ts'
import type { ShapeId } from '../shape.ts'
import { allTaken, type Message, retry, type Sent, type Wire } from '../wire.ts'
import { type Answer, failureOf, type HttpPost, isSuccess, parsed } from './http.ts'

export interface SplunkOptions {
  /** `/services/collector/event` */
  readonly events: HttpPost
  /** `/services/collector/ack?channel=` the channel; present: a batch counts as taken when the indexer has it */
  readonly acks?: HttpPost
  readonly channel: string
  readonly token: string
  readonly shape: ShapeId
  readonly index?: string
  /** in place of the one that the shape suggests */
  readonly sourcetype?: string
  readonly host: string
  readonly clock: Clock
}

const compress = promisify(gzip)

const ACK_EVERY_MS = 200
const ACK_WITHIN_MS = 30_000
/** Codes of a 400 that name the token, the index or the channel, not the data: they can be put right. */
const SETTINGS_CODES = new Set([1, 2, 3, 4, 7, 10, 11, 14])

/**
 * Splunk HTTP Event Collector: JSON objects one behind the other, gzip. With indexer acknowledgement a batch is asked
 * for until the indexer has it (Splunk documentation, "HTTP Event Collector indexer acknowledgment").
 */
export class SplunkHec implements Wire {
  readonly maxBatch = 500
  private readonly options: SplunkOptions

  constructor(options: SplunkOptions) {
    this.options = options
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    try {
      const body = await compress(messages.map((message) => this.envelope(message)).join(''))
      const answer = await this.options.events.post(this.headers({ 'content-encoding': 'gzip' }), body)
      if (!isSuccess(answer)) return this.failure(answer)
      return await this.acknowledged(messages, answer)
    } catch (error) {
      return retry(error)
    }
  }

  async close(): Promise<void> {
    this.options.events.close()
    this.options.acks?.close()
  }

  private async acknowledged(messages: readonly Message[], answer: Answer): Promise<Sent> {
    const { acks, clock } = this.options
    if (acks === undefined) return allTaken(messages)
    const { ackId } = (parsed(answer) ?? {}) as { readonly ackId?: unknown }
    if (typeof ackId !== 'number')
      return retry('answered without an ackId; turn on acknowledgement for this token, or set ack: false')
    const endsMs = clock.now() + ACK_WITHIN_MS
    do {
      const asked = await acks.post(this.headers({}), JSON.stringify({ acks: [ackId] }))
      if (!isSuccess(asked)) return failureOf(asked, clock.now())
      const { acks: states } = (parsed(asked) ?? {}) as { readonly acks?: Readonly<Record<string, unknown>> }
      if (states?.[String(ackId)] === true) return allTaken(messages)
      await pause(clock, ACK_EVERY_MS, NEVER)
    } while (clock.now() < endsMs)
    return retry(`not indexed within ${ACK_WITHIN_MS / 1000} s`)
  }

  private failure(answer: Answer): Sent {
    const failure = failureOf(answer, this.options.clock.now())
    const { code } = (parsed(answer) ?? {}) as { readonly code?: unknown }
    const isSetting = typeof code === 'number' && SETTINGS_CODES.has(code)
    return failure.kind === 'refused' && isSetting ? { kind: 'retry', why: failure.why } : failure
  }

  private headers(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const { token, channel } = this.options
    return {
      authorization: `Splunk ${token}`,
      'content-type': 'application/json',
      'x-splunk-request-channel': channel,
      ...more,
    }
  }

  private envelope({ id, atMs, kind, text }: Message): string {
    const { shape, index, sourcetype, host } = this.options
    const around = {
      time: atMs / 1000,
      host,
      source: 'belay',
      sourcetype: sourcetype ?? SOURCETYPES[shape][kind],
      ...(index !== undefined && { index }),
      fields: { notice_id: id },
    }
    const event = IS_JSON.has(shape) ? text : JSON.stringify(text)
    return `${JSON.stringify(around).slice(0, -1)},"event":${event}}`
  }
}

const NEVER = new AbortController().signal
const IS_JSON = new Set<ShapeId>(['ocsf', 'ecs', 'json'])

const same = (sourcetype: string) => ({ findings: sourcetype, calls: sourcetype, auth: sourcetype })
const SOURCETYPES: Readonly<Record<ShapeId, Readonly<Record<Message['kind'], string>>>> = {
  ocsf: { findings: 'ocsf:detection_finding', calls: 'ocsf:api_activity', auth: 'ocsf:authentication' },
  ecs: same('belay:ecs'),
  json: same('belay:json'),
  cef: same('cef'),
  leef: same('leef'),
}

/** A channel per process: acknowledgements are asked for on the channel that the events came by. */
export function newChannel(): string {
  return randomUUID()
}
