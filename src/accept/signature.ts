import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SignatureState } from '../model/index.ts'
import type { Binding } from './decode.ts'

/** What an event without a valid signature gets: `off` looks at none, `warn` takes unsigned ones, `require` takes none. */
export type SigningMode = 'off' | 'warn' | 'require'

export interface SigningKey extends Binding {
  /** as in the header `x-pep-kid` */
  readonly kid: string
  readonly key: Uint8Array | string
}

export type SignatureCheck =
  | { readonly ok: true; readonly state: SignatureState; readonly binding?: Binding }
  | { readonly ok: false; readonly error: string }

/** Checks the headers `x-pep-sig` and `x-pep-kid` against the raw bytes of a record. */
export type SignatureVerifier = (
  bytes: Uint8Array,
  signature: string | undefined,
  kid: string | undefined,
) => SignatureCheck

/**
 * `x-pep-sig: v1,<base64 HMAC-SHA-256(key[kid], bytes)>`. A wrong signature is refused whatever the mode (but `off`):
 * someone changed the event or signs with a key that is not theirs. A key id nobody configured cannot be checked: it
 * counts as unsigned.
 */
export function createSignatureVerifier(mode: SigningMode, keys: readonly SigningKey[]): SignatureVerifier {
  if (mode === 'off') return () => UNCHECKED
  const known = new Map(keys.map((one) => [one.kid, { key: one.key, binding: bindingOf(one) }]))
  const unsigned = (error: string): SignatureCheck =>
    mode === 'require' ? { ok: false, error } : { ok: true, state: 'absent' }
  return (bytes, signature, kid) => {
    if (signature === undefined) return unsigned('is not signed: add the headers x-pep-sig and x-pep-kid')
    const signer = kid === undefined ? undefined : known.get(kid)
    if (signer === undefined)
      return unsigned('is signed with a key that is not configured: add its kid to kafka.signing.keys')
    const expected = createHmac('sha256', signer.key).update(bytes).digest()
    const given = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(signature)?.[1]
    if (given === undefined || !timingSafeEqual(Buffer.from(given, 'base64'), expected))
      return {
        ok: false,
        error: 'does not match its signature x-pep-sig: sign the exact bytes with the key of x-pep-kid',
      }
    return { ok: true, state: 'valid', binding: signer.binding }
  }
}

/** The headers that a record of these bytes carries when this key signs it. */
export type Signer = (bytes: Uint8Array) => Readonly<Record<'x-pep-sig' | 'x-pep-kid', string>>

export function createSigner({ kid, key }: Pick<SigningKey, 'kid' | 'key'>): Signer {
  return (bytes) => ({
    'x-pep-sig': `v1,${createHmac('sha256', key).update(bytes).digest('base64')}`,
    'x-pep-kid': kid,
  })
}

const UNCHECKED: SignatureCheck = { ok: true, state: 'unchecked' }

function bindingOf({ tenant, sources }: SigningKey): Binding {
  return { ...(tenant !== undefined && { tenant }), ...(sources !== undefined && { sources }) }
}
