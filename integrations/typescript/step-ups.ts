import { canonicalJson } from '../../src/model/canonical.ts'
import type { Api } from './api.ts'
import { sha256Hex } from './digest.ts'
import { membersOf } from './wire.ts'

/** The one call that a person is asked about. */
export interface StepUpCall {
  readonly agent: string
  readonly session: string
  readonly server: string
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  readonly callId: string
}

export type StepUpAnswer =
  /** the call may be made now, once */
  | { readonly kind: 'granted'; readonly id: string }
  | { readonly kind: 'pending'; readonly id: string; readonly expiresAt: string }
  | { readonly kind: 'denied'; readonly id: string }
  /** no step-up is asked of this call any more */
  | { readonly kind: 'not-needed' }
  | { readonly kind: 'unavailable' }

export interface StepUpParts {
  readonly api: Api
  readonly timeoutMs: number
  /** what people may be shown of the arguments; undefined: their digest alone */
  readonly shown: (args: StepUpCall['args']) => StepUpCall['args'] | undefined
  readonly failed: (why: Error) => void
}

interface Asked {
  readonly id: string
  readonly nonce: string
}

const MAX_ASKED = 10_000

/**
 * Asks people about single calls (`/v1/step-ups`). An agent that makes the same call again asks the same question; one
 * that was denied is not asked again, so that persistence does not wear people out.
 */
export class StepUps {
  private readonly parts: StepUpParts
  private readonly asked = new Map<string, Asked>()

  constructor(parts: StepUpParts) {
    this.parts = parts
  }

  async ask(call: StepUpCall, containmentId: string): Promise<StepUpAnswer> {
    const argsSha256 = sha256Hex(canonicalJson(call.args))
    const key = [containmentId, call.agent, call.session, call.server, call.tool, argsSha256].join('\u001f')
    try {
      return await this.settle(call, argsSha256, key)
    } catch (error) {
      this.parts.failed(error instanceof Error ? error : new Error(String(error)))
      return { kind: 'unavailable' }
    }
  }

  private async settle(call: StepUpCall, argsSha256: string, key: string): Promise<StepUpAnswer> {
    const before = this.asked.get(key)
    const known = before === undefined ? undefined : await this.look(before)
    const state = known !== undefined && STANDS.has(known.state) ? known : await this.pose(call, argsSha256, key)
    if (state === undefined) return { kind: 'not-needed' }
    const { id } = state
    if (state.state === 'denied') return { kind: 'denied', id }
    if (state.state === 'approved') return this.redeem(call, argsSha256, state)
    return { kind: 'pending', id, expiresAt: state.expiresAt }
  }

  private async look({ id }: Asked): Promise<State | undefined> {
    const { status, body } = await this.parts.api.ask(`/v1/step-ups/${id}`, { timeoutMs: this.parts.timeoutMs })
    if (status === 404) return undefined
    return stateOf(status, body)
  }

  /** Undefined when no step-up is asked of this call. */
  private async pose(call: StepUpCall, argsSha256: string, key: string): Promise<State | undefined> {
    const { status, body } = await this.post('/v1/step-ups', this.bodyOf(call, argsSha256))
    if (status === 409) return undefined
    const state = stateOf(status, body)
    this.asked.delete(key)
    this.asked.set(key, state)
    const [oldest] = this.asked.keys()
    if (this.asked.size > MAX_ASKED && oldest !== undefined) this.asked.delete(oldest)
    return state
  }

  private async redeem(call: StepUpCall, argsSha256: string, { id, nonce }: State): Promise<StepUpAnswer> {
    const body = { ...this.bodyOf(call, argsSha256), nonce, call_id: call.callId }
    const { status } = await this.post(`/v1/step-ups/${id}/redeem`, body)
    // Somebody used it first, or its time ended in this moment: asked again, it is a new question.
    return status === 200 ? { kind: 'granted', id } : { kind: 'unavailable' }
  }

  private bodyOf({ agent, session, server, tool, args }: StepUpCall, argsSha256: string): object {
    const shown = this.parts.shown(args)
    return { agent, session, server, tool, ...(shown === undefined ? { args_sha256: argsSha256 } : { args: shown }) }
  }

  private post(path: string, body: object): ReturnType<Api['ask']> {
    return this.parts.api.ask(path, { method: 'POST', body: JSON.stringify(body), timeoutMs: this.parts.timeoutMs })
  }
}

/** A question in another state has come to its end. */
const STANDS: ReadonlySet<string> = new Set(['pending', 'approved', 'denied'])

interface State extends Asked {
  readonly state: string
  readonly expiresAt: string
}

function stateOf(status: number, body: unknown): State {
  const { id, nonce, state, expires_at: expiresAt } = membersOf(body)
  if (status >= 300 || typeof id !== 'string' || typeof nonce !== 'string' || typeof state !== 'string')
    throw new Error(`asked for a step-up, Belay answered ${status}`)
  return { id, nonce, state, expiresAt: typeof expiresAt === 'string' ? expiresAt : '' }
}
