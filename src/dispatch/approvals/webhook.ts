import type { Webhook } from 'standardwebhooks'
import type { Approval } from '../approval.ts'
import type { Clock } from '../clock.ts'
import { AddressRefusedError } from '../gateway/address.ts'
import { SignedPost, type SignedPostOptions, signersOf } from '../gateway/signed-post.ts'
import { delayBefore } from '../retry.ts'
import { iso, wireApproval } from '../wire.ts'

export interface ApprovalWebhookParts {
  readonly clock: Clock
  readonly random: () => number
  /** told about a message that could not be delivered at all; must not throw */
  readonly onError: (error: unknown) => void
}

/** What a chat tool answers: who says what about which question. */
export interface WebhookAnswer {
  readonly approvalId: string
  readonly verdict: 'approve' | 'deny'
  readonly by: string
  readonly reason: string
}

/** Tells a chat tool of questions and answers over a signed webhook, and reads the signed answers it sends back. */
export class ApprovalWebhook {
  private readonly signed: SignedPost
  private readonly readers: readonly Webhook[]
  private readonly parts: ApprovalWebhookParts

  /** Throws GatewayConfigError. */
  constructor(options: SignedPostOptions, parts: ApprovalWebhookParts) {
    this.signed = new SignedPost(options, () => parts.clock.now())
    this.readers = signersOf(options)
    this.parts = parts
  }

  /** Sends in the background, again until it is taken or the question is over. */
  tell(approval: Approval): void {
    const type = approval.state === 'pending' ? 'approval.requested.v1' : 'approval.decided.v1'
    const id = `${approval.id}:${approval.state}:${approval.votes.length}`
    const body = JSON.stringify({ type, timestamp: iso(this.parts.clock.now()), data: wireApproval(approval) })
    this.attempt(id, body, approval.expiresMs, 0)
  }

  /** Undefined when the signature is not ours, too old, or the body is no answer. */
  read(body: string, headers: Readonly<Record<string, string | string[] | undefined>>): WebhookAnswer | undefined {
    const signed = Object.fromEntries(
      ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, String(headers[name] ?? '')]),
    )
    for (const reader of this.readers) {
      try {
        return answerOf(reader.verify(body, signed))
      } catch {
        // Signed by the other secret, or by nobody.
      }
    }
    return undefined
  }

  close(): void {
    this.signed.close()
  }

  private attempt(id: string, body: string, untilMs: number, tries: number): void {
    const { clock, random, onError } = this.parts
    this.signed
      .post(id, body)
      .then(({ status }) => {
        if (status >= 300) throw new Error(`the approval webhook answered ${status}`)
      })
      .catch((error: unknown) => {
        const delayMs = delayBefore(tries + 1, random)
        if (error instanceof AddressRefusedError || clock.now() + delayMs >= untilMs) return onError(error)
        clock.after(delayMs, () => this.attempt(id, body, untilMs, tries + 1))
      })
  }
}

function answerOf(message: unknown): WebhookAnswer | undefined {
  const { type, data } = (message ?? {}) as { readonly type?: unknown; readonly data?: Record<string, unknown> }
  const { approval_id: id, verdict, by, reason } = data ?? {}
  if (type !== 'approval.answer.v1' || (verdict !== 'approve' && verdict !== 'deny')) return undefined
  if (typeof id !== 'string' || typeof by !== 'string' || by === '' || typeof reason !== 'string') return undefined
  return { approvalId: id, verdict, by: by.slice(0, 256), reason: reason.slice(0, 2_000) }
}
