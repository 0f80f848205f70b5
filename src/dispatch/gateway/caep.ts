import { createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Lease, Order, Target } from '../../model/index.ts'
import type { Delivery, Gateway } from '../gateway.ts'
import { readStatus } from './acknowledgement.ts'
import { type Answer, Exchange, GatewayConfigError, gatewayUrl, unanswered } from './exchange.ts'

/** How a receiver names people and agents (RFC 9493). */
export type SubjectFormat =
  | { readonly format: 'iss_sub'; readonly issuer: string }
  | { readonly format: 'email' }
  | { readonly format: 'opaque' }

export interface CaepOptions {
  readonly name: string
  /** the receiver's endpoint (RFC 8935) */
  readonly url: string
  readonly allowPrivate: boolean
  /** who says so: `iss`, as the receiver knows it */
  readonly issuer: string
  /** the receiver: `aud` */
  readonly audience: string
  /** private key, PKCS #8 PEM: P-256, RSA of 2048 bits and more, or Ed25519 */
  readonly key: string
  readonly keyId: string
  /** of the `Authorization` header, whole, where the receiver asks for one */
  readonly authorization?: string
  readonly subject: SubjectFormat
  /** present: suspending an agent or user revokes its credential of this CAEP type, not only its sessions */
  readonly credentialType?: string
  /** default 3,000 */
  readonly timeoutMs?: number
}

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type'
const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification'
const TIMEOUT_MS = 3_000
const MAX_ANSWER_BYTES = 16_384
const MIN_RSA_BITS = 2048

interface SecurityEvent {
  readonly type: string
  readonly subject: object
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Tells an identity provider by a security event token (RFC 8417; OpenID Shared Signals and CAEP 1.0), pushed over HTTP
 * (RFC 8935): a session, an agent or a user is to be logged out, has to prove itself again, or loses its credential.
 */
export class CaepGateway implements Gateway {
  readonly name: string
  /** what is revoked stays so, and proof given anew ends the need for it: nothing is left to be ended */
  readonly keepsUntilReleased = false
  private readonly options: CaepOptions
  private readonly key: KeyObject
  private readonly algorithm: string
  private readonly exchange: Exchange
  private readonly now: () => number

  /** Throws GatewayConfigError. */
  constructor(options: CaepOptions, now: () => number) {
    this.name = options.name
    this.options = options
    this.now = now
    const { name, url, allowPrivate, key, timeoutMs = TIMEOUT_MS } = options
    this.key = privateKey(name, key)
    this.algorithm = algorithmOf(name, this.key)
    this.exchange = new Exchange(gatewayUrl(name, url, allowPrivate), {
      allowPrivate,
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
    })
  }

  cannot({ level, target }: Order): string | undefined {
    if (level !== 'suspend_session' && level !== 'require_step_up') return `no security event stands for ${level}`
    const isPerson = target.kind === 'session' || target.kind === 'agent' || target.kind === 'user'
    return isPerson ? undefined : `an identity provider knows no ${target.kind}`
  }

  async deliver(change: 'apply' | 'release' | 'ping', lease: Lease): Promise<Delivery> {
    const event = this.eventFor(change, lease)
    if (event === undefined) {
      const detail = 'what was revoked stays revoked; whoever it was logs in again'
      return { kind: 'acknowledged', status: 'unsupported', detail }
    }
    const { authorization } = this.options
    const headers = {
      'content-type': 'application/secevent+jwt',
      accept: 'application/json',
      'user-agent': 'belay',
      ...(authorization === undefined ? {} : { authorization }),
    }
    try {
      const body = await this.signed(event, `${lease.order.id}:${lease.revision}:${change}`, lease.order.id)
      return this.read(await this.exchange.post(headers, body))
    } catch (error) {
      return unanswered(error)
    }
  }

  close(): void {
    this.exchange.close()
  }

  /** RFC 8935, section 2: 202 takes it, 400 says why not. */
  private read(answer: Answer): Delivery {
    if (answer.status === 202) return { kind: 'acknowledged', status: 'applied' }
    const failed = readStatus(answer, this.now())
    if (failed === undefined)
      return { kind: 'refused', why: `answered ${answer.status}; a receiver answers 202 to what it takes` }
    const said = failed.kind === 'refused' ? errorIn(answer.body) : undefined
    return said === undefined ? failed : { kind: 'refused', why: `answered ${answer.status}: ${said}` }
  }

  /** `jti` stays over retries, so that the receiver knows them. */
  private signed({ type, subject, claims }: SecurityEvent, jti: string, txn: string): Promise<string> {
    const { issuer, audience, keyId } = this.options
    return new SignJWT({ jti, txn, sub_id: subject, events: { [type]: claims } })
      .setProtectedHeader({ alg: this.algorithm, kid: keyId, typ: 'secevent+jwt' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(Math.floor(this.now() / 1_000))
      .sign(this.key)
  }

  private eventFor(change: 'apply' | 'release' | 'ping', { order }: Lease): SecurityEvent | undefined {
    if (change === 'ping')
      return { type: VERIFICATION, subject: { format: 'opaque', id: this.name }, claims: { state: order.id } }
    const subject = this.subjectOf(order.target)
    if (order.level === 'require_step_up') {
      return { type: `${CAEP}/assurance-level-change`, subject, claims: { ...told(order), ...assurance(change) } }
    }
    if (change === 'release') return undefined
    const { credentialType } = this.options
    if (credentialType === undefined || order.target.kind === 'session')
      return { type: `${CAEP}/session-revoked`, subject, claims: told(order) }
    const claims = { ...told(order), credential_type: credentialType, change_type: 'revoke' }
    return { type: `${CAEP}/credential-change`, subject, claims }
  }

  /** A session is named together with whose it is (complex subject, OpenID Shared Signals Framework 1.0). */
  private subjectOf({ kind, id, agent }: Target): object {
    if (kind !== 'session') return this.principal(id)
    const session = { format: 'opaque', id }
    return { format: 'complex', session, ...(agent === undefined ? {} : { user: this.principal(agent) }) }
  }

  private principal(id: string): object {
    const { subject } = this.options
    if (subject.format === 'iss_sub') return { format: 'iss_sub', iss: subject.issuer, sub: id }
    return subject.format === 'email' ? { format: 'email', email: id } : { format: 'opaque', id }
  }
}

/** What every CAEP event may carry; times in seconds. */
function told({ issuedMs, reason }: Order): Readonly<Record<string, unknown>> {
  return {
    event_timestamp: Math.floor(issuedMs / 1_000),
    initiating_entity: 'policy',
    reason_admin: { en: reason.slice(0, 1_000) },
  }
}

/** What was proven is worth less now, or as much as before again (NIST SP 800-63B). */
function assurance(change: 'apply' | 'release'): Readonly<Record<string, unknown>> {
  const [from, to] = change === 'apply' ? (['2', '1'] as const) : (['1', '2'] as const)
  return {
    namespace: 'NIST-AAL',
    current_level: `nist-aal${to}`,
    previous_level: `nist-aal${from}`,
    change_direction: change === 'apply' ? 'decrease' : 'increase',
  }
}

function privateKey(name: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new GatewayConfigError(`gateway ${name} has a key that is not a private key in PEM`, { cause })
  }
}

function algorithmOf(name: string, { asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256'
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) return 'RS256'
  if (type === 'ed25519') return 'EdDSA'
  throw new GatewayConfigError(`gateway ${name} needs a key of P-256, RSA of ${MIN_RSA_BITS} bits and more, or Ed25519`)
}

/** `err` and `description` of a receiver's refusal (RFC 8935, section 2.3). */
function errorIn(body: string | undefined): string | undefined {
  try {
    const { err, description } = JSON.parse(body ?? '') as { readonly err?: unknown; readonly description?: unknown }
    if (typeof err !== 'string') return undefined
    return `${err}${typeof description === 'string' ? ` (${description})` : ''}`.slice(0, 500)
  } catch {
    // It did not say.
    return undefined
  }
}
