import type { Product } from '../shape.ts'
import { allTaken, type Message, retry, type Sent, type Wire } from '../wire.ts'
import { failureOf, type HttpPost, isSuccess, parsed } from './http.ts'

export interface OtlpOptions {
  /** `/v1/logs` */
  readonly logs: HttpPost
  /** e.g. an API key of the collector */
  readonly headers: Readonly<Record<string, string>>
  readonly product: Product
  readonly now: () => number
}

/** Severity numbers and texts of the OpenTelemetry log data model. */
const SEVERITIES = {
  info: [9, 'INFO'],
  low: [10, 'INFO2'],
  medium: [13, 'WARN'],
  high: [17, 'ERROR'],
  critical: [21, 'FATAL'],
} as const

/** OTLP/HTTP logs in JSON encoding (OpenTelemetry protocol 1.x): the shape's line is the body of a log record. */
export class OtlpLogs implements Wire {
  readonly maxBatch = 500
  private readonly options: OtlpOptions

  constructor(options: OtlpOptions) {
    this.options = options
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const { logs, headers, now } = this.options
    try {
      const answer = await logs.post(
        { ...headers, 'content-type': 'application/json' },
        JSON.stringify(this.request(messages)),
      )
      return isSuccess(answer) ? readPartial(messages, parsed(answer)) : failureOf(answer, now())
    } catch (error) {
      return retry(error)
    }
  }

  async close(): Promise<void> {
    this.options.logs.close()
  }

  private request(messages: readonly Message[]): object {
    const { product } = this.options
    const resource = { attributes: [attribute('service.name', 'belay'), attribute('service.version', product.version)] }
    const scope = { name: 'belay.forward', version: product.version }
    return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: messages.map(recordOf) }] }] }
  }
}

function recordOf({ id, kind, atMs, severity, text }: Message): object {
  const [severityNumber, severityText] = SEVERITIES[severity]
  return {
    timeUnixNano: `${atMs}000000`,
    severityNumber,
    severityText,
    eventName: kind === 'findings' ? 'belay.finding' : `belay.${kind}`,
    body: { stringValue: text },
    attributes: [attribute('log.record.uid', id)],
  }
}

function attribute(key: string, stringValue: string): object {
  return { key, value: { stringValue } }
}

/**
 * A partial success must not be sent again (protocol specification, "Partial Success"), and does not say which records
 * were rejected: all of them are kept as dead, so that people can look and send them again.
 */
function readPartial(messages: readonly Message[], answer: unknown): Sent {
  const { partialSuccess } = (answer ?? {}) as {
    readonly partialSuccess?: { readonly rejectedLogRecords?: unknown; readonly errorMessage?: unknown }
  }
  const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0)
  if (!(rejected > 0)) return allTaken(messages)
  const said = typeof partialSuccess?.errorMessage === 'string' ? `: ${partialSuccess.errorMessage}` : ''
  const why = `${rejected} of ${messages.length} were rejected, it is not said which${said}`
  return { kind: 'answered', fates: messages.map(() => ({ kind: 'refused', why })) }
}
