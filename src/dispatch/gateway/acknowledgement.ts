import type { Delivery } from '../gateway.ts'
import type { Answer } from './exchange.ts'

const STATUSES = ['applied', 'duplicate', 'unsupported', 'not_found', 'pending'] as const
type Status = (typeof STATUSES)[number]

export function isAcknowledgement(status: unknown): status is Status {
  return STATUSES.some((known) => known === status)
}

const RETRIED = new Set([408, 409, 425, 429])
const DETAIL_CHARS = 500

/**
 * What an answer means (contract b.1). A success without a readable acknowledgement is refused, not believed: some
 * web server that answers 200 to everything would otherwise count as containment.
 */
export function readAnswer(answer: Answer, containmentId: string | undefined, nowMs: number): Delivery {
  if (answer.status === 202) return { kind: 'acknowledged', status: 'pending' }
  return readStatus(answer, nowMs) ?? readBody(answer, containmentId)
}

/** What a status other than a success means; undefined for a success, which is for the caller to believe or not. */
export function readStatus({ status, retryAfter }: Answer, nowMs: number): Delivery | undefined {
  if (status >= 200 && status < 300) return undefined
  if (status === 410) return { kind: 'gone', why: 'answered 410: the endpoint is gone' }
  if (status >= 500 || RETRIED.has(status)) {
    const afterMs = retryAfterMs(retryAfter, nowMs)
    return { kind: 'retry', why: `answered ${status}`, ...(afterMs === undefined ? {} : { afterMs }) }
  }
  if (status >= 300 && status < 400) return { kind: 'refused', why: `answered ${status}: redirects are not followed` }
  return { kind: 'refused', why: `answered ${status}` }
}

function readBody(answer: Answer, containmentId: string | undefined): Delivery {
  const acknowledgement = parse(answer.body)
  if (acknowledgement === undefined || !isAcknowledgement(acknowledgement.status)) {
    return {
      kind: 'refused',
      why: `answered ${answer.status} without an acknowledgement; expected {"status":"${STATUSES.join('|')}",...}`,
    }
  }
  const { status, containment_id: id, applied_at: applied, detail } = acknowledgement
  if (containmentId !== undefined && id !== undefined && id !== containmentId) {
    return { kind: 'refused', why: 'acknowledged another containment than the one it was sent' }
  }
  const appliedMs = typeof applied === 'string' ? Date.parse(applied) : Number.NaN
  return {
    kind: 'acknowledged',
    status,
    ...(Number.isNaN(appliedMs) ? {} : { appliedMs }),
    ...(typeof detail === 'string' ? { detail: detail.slice(0, DETAIL_CHARS) } : {}),
  }
}

function parse(body: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (body === undefined) return undefined
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const LONGEST_RETRY_AFTER_MS = 3_600_000

/** Seconds or an HTTP date (RFC 9110); nonsense is no wish at all, and nobody may postpone a containment for days. */
function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS)
}
