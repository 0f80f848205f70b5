import type { NoticeKind, NoticeSeverity } from './notice.ts'

/** One notice in the shape of its destination, ready for the wire. */
export interface Message {
  /** the same whenever this notice is sent: receivers know a repetition by it. 32 hex digits */
  readonly id: string
  readonly kind: NoticeKind
  /** Unix milliseconds, when it happened */
  readonly atMs: number
  readonly severity: NoticeSeverity
  /** messages of one key keep their order where the wire can */
  readonly key: string
  /** one line, no line break in it */
  readonly text: string
}

/** What became of one message: safe with the receiver, to be sent again, or not wanted in this form. */
export type Fate =
  | { readonly kind: 'taken' }
  | { readonly kind: 'again'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }

export type Sent =
  /** one fate for each message, in their order */
  | { readonly kind: 'answered'; readonly fates: readonly Fate[] }
  /** nothing is known to be taken: network, time-out, overload, a login that is not accepted */
  | { readonly kind: 'retry'; readonly why: string; readonly afterMs?: number }
  /** the receiver does not want these together: too large, or one of them has what it cannot read */
  | { readonly kind: 'refused'; readonly why: string }

/**
 * A way to a receiver. One destination calls `send` with one batch at a time, in order; the same messages come again
 * after a failure and after a crash.
 */
export interface Wire {
  /** messages of one batch at most */
  readonly maxBatch: number
  /**
   * Sends a batch, bounded in time. `taken` means that the receiver said so, as strongly as its protocol can say it.
   * Never rejects for what the other side or the network does: that is a value. Safe to repeat.
   */
  send(messages: readonly Message[]): Promise<Sent>
  /** Safe to call twice. */
  close(): Promise<void>
}

const TAKEN: Fate = { kind: 'taken' }

export function allTaken(messages: readonly Message[]): Sent {
  return { kind: 'answered', fates: messages.map(() => TAKEN) }
}

export function retry(error: unknown, afterMs?: number): Sent {
  const why = error instanceof Error ? reasonOf(error) : String(error)
  return { kind: 'retry', why, ...(afterMs !== undefined && { afterMs }) }
}

/** Network errors of Node may have an empty message and only a code. */
function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  const cause = error.cause instanceof Error ? `: ${reasonOf(error.cause)}` : ''
  return `${error.message || code || error.name}${cause}`
}
