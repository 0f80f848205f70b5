import type { Sent } from '../wire.ts'

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  /** undefined when it was longer than may be read */
  readonly body: string | undefined
}

/** POSTs to one fixed URL, bounded in time. Rejects with what went wrong on the network; any answer is a value. */
export interface HttpPost {
  post(headers: Readonly<Record<string, string>>, body: string | Uint8Array): Promise<Answer>
  close(): void
}

/** The receiver cannot read what it was sent, or it is too much at once: sent in halves, or not at all. */
const REFUSED = new Set([400, 413, 422])
const SAID_CHARS = 200

/** What an answer that is no success means. A login that is not accepted, or a path that is not there, can be put right. */
export function failureOf(answer: Answer, nowMs: number): Sent {
  const why = `answered ${answer.status}${said(answer)}`
  if (REFUSED.has(answer.status)) return { kind: 'refused', why }
  const afterMs = retryAfterMs(answer.retryAfter, nowMs)
  return { kind: 'retry', why, ...(afterMs !== undefined && { afterMs }) }
}

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

/** The body as JSON; undefined where it is none. */
export function parsed(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body ?? '') as unknown
  } catch {
    // Said with the status where it matters.
    return undefined
  }
}

function said({ body }: Answer): string {
  return body === undefined || body === '' ? '' : `: ${body.slice(0, SAID_CHARS).replace(/\s+/g, ' ')}`
}

const LONGEST_WAIT_MS = 3_600_000

/** `Retry-After` (RFC 9110 section 10.2.3): seconds or a date. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, LONGEST_WAIT_MS) : undefined
}
