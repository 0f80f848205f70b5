import { createHash, timingSafeEqual } from 'node:crypto'

/** What a principal may do; src/web/access.ts says which routes that is. */
export type Scope = 'ingest' | 'pep' | 'analyst' | 'responder' | 'admin'

/** A bearer token as it is configured: its hash, and what whoever holds it may do. */
export interface TokenRecord {
  readonly name: string
  /** SHA-256 of the token, 64 lowercase hex digits */
  readonly sha256: string
  readonly tenant: string
  /** prefixes of `source` it may send events for; any when absent */
  readonly sources?: readonly string[] | undefined
  readonly scopes: readonly Scope[]
}

/** Who is calling. */
export interface Principal {
  readonly name: string
  readonly tenant: string
  readonly sources?: readonly string[]
  readonly scopes: ReadonlySet<Scope>
  /** nobody logged in: only on a loopback listener without tokens */
  readonly anonymous: boolean
}

export type Authentication =
  | { readonly kind: 'known'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly why: string }
  /** who it is cannot be told at the moment */
  | { readonly kind: 'unavailable'; readonly why: string }

/** Says who an `Authorization` header belongs to. */
export type Authenticator = (authorization: string | undefined) => Authentication | Promise<Authentication>

const ALL_SCOPES: ReadonlySet<Scope> = new Set(['ingest', 'pep', 'analyst', 'responder', 'admin'])

/** On one's own machine without tokens everyone is this principal. */
export const ANONYMOUS: Principal = { name: 'local', tenant: 'default', scopes: ALL_SCOPES, anonymous: true }

/** Says who a login token of an identity provider belongs to; undefined when no provider of ours made it. */
export type LoginReader = (token: string) => Promise<Authentication | undefined>

/**
 * Bearer tokens, known by their SHA-256 only and compared in constant time against every record, so that neither the
 * token nor its place in the list can be read from how long the answer takes. What is none of them may be a login.
 * Without any token and without logins everyone is ANONYMOUS; the caller makes sure that this happens on a loopback
 * listener only.
 */
export function createAuthenticator(tokens: readonly TokenRecord[], login?: LoginReader): Authenticator {
  if (tokens.length === 0 && login === undefined) return () => ({ kind: 'known', principal: ANONYMOUS })
  const known = tokens.map((token) => ({ hash: Buffer.from(token.sha256, 'hex'), principal: principalOf(token) }))
  return (authorization) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return { kind: 'refused', why: 'send `Authorization: Bearer <token>`' }
    const hash = createHash('sha256').update(token).digest()
    let principal: Principal | undefined
    for (const one of known) if (timingSafeEqual(one.hash, hash)) principal = one.principal
    if (principal !== undefined) return { kind: 'known', principal }
    const unknown = { kind: 'refused', why: 'the token is not known' } as const
    return login === undefined ? unknown : login(token).then((authentication) => authentication ?? unknown)
  }
}

/** Whether the principal has one of the scopes; `admin` has all. */
export function hasScope(principal: Principal, scopes: readonly Scope[]): boolean {
  return principal.scopes.has('admin') || scopes.some((scope) => principal.scopes.has(scope))
}

function principalOf({ name, tenant, sources, scopes }: TokenRecord): Principal {
  return { name, tenant, ...(sources && { sources }), scopes: new Set(scopes), anonymous: false }
}
