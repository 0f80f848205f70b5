import { allTaken, type Fate, type Message, retry, type Sent, type Wire } from '../wire.ts'
import { type Answer, failureOf, type HttpPost, isSuccess, parsed } from './http.ts'

export interface ElasticOptions {
  /** `/_bulk` with a filter_path that leaves status and error of each item */
  readonly bulk: HttpPost
  /** index, alias or data stream */
  readonly index: string
  /** the whole header, e.g. `ApiKey ...` or `Basic ...` */
  readonly authorization?: string
  readonly now: () => number
}

/** What is asked of an answer: the rest is as long as what was sent. */
export const BULK_PATH = '_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason'

interface Item {
  readonly status?: unknown
  readonly error?: { readonly type?: unknown; readonly reason?: unknown }
}

/**
 * Elasticsearch and OpenSearch by the bulk API: `create` with the message's id as `_id`, so that what comes twice is
 * refused with 409 and was taken. Each item is answered for itself.
 */
export class ElasticBulk implements Wire {
  readonly maxBatch = 500
  private readonly options: ElasticOptions

  constructor(options: ElasticOptions) {
    this.options = options
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const { bulk, index, authorization, now } = this.options
    const lines = messages.map(({ id, text }) => `${JSON.stringify({ create: { _index: index, _id: id } })}\n${text}\n`)
    const headers = {
      'content-type': 'application/x-ndjson',
      ...(authorization !== undefined && { authorization }),
    }
    try {
      const answer = await bulk.post(headers, lines.join(''))
      return isSuccess(answer) ? readItems(messages, answer) : failureOf(answer, now())
    } catch (error) {
      return retry(error)
    }
  }

  async close(): Promise<void> {
    this.options.bulk.close()
  }
}

function readItems(messages: readonly Message[], answer: Answer): Sent {
  const { errors, items } = (parsed(answer) ?? {}) as { readonly errors?: unknown; readonly items?: unknown }
  if (errors === false) return allTaken(messages)
  if (!Array.isArray(items) || items.length !== messages.length)
    return retry(`answered ${answer.status} without one item per document; is this a bulk API?`)
  const fates = (items as { readonly create?: Item }[]).map(({ create }) => fateOf(create ?? {}))
  return { kind: 'answered', fates }
}

/** Statuses of an item that say what is wrong with the document; with any other the index or the cluster is meant. */
const REFUSED = new Set([400, 413, 422])

function fateOf({ status, error }: Item): Fate {
  if (typeof status === 'number' && ((status >= 200 && status < 300) || status === 409)) return { kind: 'taken' }
  const why = `item answered ${String(status)}: ${String(error?.type)}: ${String(error?.reason)}`
  return { kind: typeof status === 'number' && REFUSED.has(status) ? 'refused' : 'again', why }
}
