import type { Action } from '../../src/model/order.ts'

export type RefusalCode =
  | 'suspended'
  | 'quarantined'
  | 'read_only'
  | 'step_up_required'
  | 'step_up_denied'
  | 'step_up_unavailable'
  | 'decision_unavailable'

/** Why a call is not made, for the agent and for the program it runs in. */
export interface Refusal {
  readonly code: RefusalCode
  readonly action: Action
  readonly containmentId?: string
  /** ISO time at which the containment ends at the latest */
  readonly expiresAt?: string
  /** what people answer, where a person is asked */
  readonly approvalId?: string
  /** a sentence for the model: what happened, and what to do now */
  readonly message: string
}

const SENTENCES: Readonly<Record<RefusalCode, string>> = {
  suspended:
    'This session is suspended: no call is made for it. Do not retry and do not look for another way; tell your user.',
  quarantined: 'This tool is quarantined: it must not be called. Do not retry it; go on without it, or tell your user.',
  read_only:
    'This session may only read: this tool is not known to be read-only. Do not retry it; reading tools still work.',
  step_up_required:
    'This call waits for a person to approve it. Tell your user; make exactly the same call again once it is approved. Other arguments are a new request.',
  step_up_denied: 'A person denied this call. Do not retry it; tell your user.',
  step_up_unavailable:
    'This call needs the approval of a person, and nobody can be asked at this moment. Try again in a minute.',
  decision_unavailable: 'Nobody can say at this moment whether this call may be made. Try again in a minute.',
}

export function refusal(
  code: RefusalCode,
  action: Action,
  about: {
    readonly containmentId?: string | undefined
    readonly expiresMs?: number | undefined
    readonly approvalId?: string | undefined
  },
): Refusal {
  const { containmentId, expiresMs, approvalId } = about
  const ids = [
    ...(approvalId === undefined ? [] : [`approval ${approvalId}`]),
    ...(containmentId === undefined ? [] : [`containment ${containmentId}`]),
  ]
  const where = ids.length === 0 ? '' : ` (${ids.join(', ')})`
  return {
    code,
    action,
    ...(containmentId !== undefined && { containmentId }),
    ...(expiresMs !== undefined && { expiresAt: new Date(expiresMs).toISOString() }),
    ...(approvalId !== undefined && { approvalId }),
    message: `Refused by Belay, ${code}: ${SENTENCES[code]}${where}`,
  }
}
