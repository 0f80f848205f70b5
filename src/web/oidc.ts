import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Authentication, Scope } from './auth.ts'

/** An identity provider whose logins are believed (OpenID Connect Core 1.0). */
export interface OidcProvider {
  /** begins the name of everyone it knows, so that nobody is taken for the holder of a token */
  readonly name: string
  /** exactly as in `iss` */
  readonly issuer: string
  /** one of them must be in `aud` */
  readonly audiences: readonly string[]
  /** where its keys are; found through `<issuer>/.well-known/openid-configuration` when absent */
  readonly jwksUrl?: string
  /** the only tenant that its people reach */
  readonly tenant: string
  /** claim that tells who it is: one that people cannot change themselves */
  readonly nameClaim: string
  /** claim whose value or values give scopes: a member's name, or names joined by dots */
  readonly roleClaim: string
  /** scopes by value of that claim; other values give none */
  readonly scopes: ReadonlyMap<string, readonly Scope[]>
}

/** Signatures with the provider's private key only: a shared secret could be the audience's own. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
/** ID tokens and access tokens (RFC 9068); no logout or security event token, which say something else. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt'])
const CLOCK_TOLERANCE_S = 60
const TIMEOUT_MS = 5_000

/**
 * Says who a JSON Web Token belongs to; undefined when it is none of a known issuer. Keys are fetched from the provider
 * when they are first needed and when a token names an unknown one, at most every 30 seconds.
 */
export function createOidc(
  providers: readonly OidcProvider[],
  now: () => number,
): (token: string) => Promise<Authentication | undefined> {
  const keys = new Map(providers.map((provider) => [provider.issuer, keysOf(provider)]))
  return async (token) => {
    const issuer = issuerOf(token)
    const provider = providers.find((one) => one.issuer === issuer)
    if (provider === undefined) return undefined
    try {
      const key = await keys.get(provider.issuer)?.()
      if (key === undefined) return undefined
      const { payload, protectedHeader } = await jwtVerify(token, key, {
        issuer: provider.issuer,
        audience: [...provider.audiences],
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(now()),
      })
      if (!TYPES.has((protectedHeader.typ ?? 'JWT').toLowerCase()))
        return { kind: 'refused', why: 'the token is of another type than a login' }
      return principalOf(provider, payload)
    } catch (error) {
      return refusal(provider, error)
    }
  }
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    // Not a JWT at all: the caller says that the token is not known.
    return undefined
  }
}

/** The provider's keys; where they are is asked once, and again after a failure. */
function keysOf({ issuer, jwksUrl }: OidcProvider): () => Promise<JWTVerifyGetKey> {
  const remote = (url: string): JWTVerifyGetKey => createRemoteJWKSet(new URL(url), { timeoutDuration: TIMEOUT_MS })
  let known = jwksUrl === undefined ? undefined : Promise.resolve(remote(jwksUrl))
  return () => {
    known ??= discovered(issuer).then(remote)
    known.catch(() => {
      known = undefined
    })
    return known
  }
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discovered(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  const { issuer: named, jwks_uri: jwks } = (await response.json()) as Readonly<Record<string, unknown>>
  if (named !== issuer || typeof jwks !== 'string') throw new Error(`${url} is not the configuration of ${issuer}`)
  return jwks
}

function principalOf(provider: OidcProvider, payload: JWTPayload): Authentication {
  const name = payload[provider.nameClaim]
  if (typeof name !== 'string' || name === '')
    return { kind: 'refused', why: `the token has no claim ${provider.nameClaim}` }
  const scopes = rolesOf(payload, provider.roleClaim).flatMap((role) => provider.scopes.get(role) ?? [])
  return {
    kind: 'known',
    principal: {
      name: `${provider.name}:${name}`,
      tenant: provider.tenant,
      scopes: new Set(scopes),
      anonymous: false,
    },
  }
}

/** Names may themselves have dots in them (`https://belay.example/roles`), so the whole name comes first. */
function rolesOf(payload: JWTPayload, claim: string): readonly string[] {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : nested(payload, claim.split('.'))
  return [value].flat().filter((role): role is string => typeof role === 'string')
}

function nested(payload: unknown, path: readonly string[]): unknown {
  let at = payload
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}

function refusal({ name }: OidcProvider, error: unknown): Authentication {
  if (error instanceof errors.JWTExpired)
    return { kind: 'refused', why: `the login has expired; log in to ${name} again` }
  if (error instanceof errors.JWTClaimValidationFailed)
    return { kind: 'refused', why: `the token of ${name} is not for us: ${error.message}` }
  if (!(error instanceof errors.JOSEError) || UNANSWERED.has(error.code))
    return { kind: 'unavailable', why: `the keys of ${name} cannot be had; try again` }
  return { kind: 'refused', why: `the token is not a valid one of ${name}` }
}

/** How jose says that there was no answer with keys in it; the general code stands for any status but 200. */
const UNANSWERED: ReadonlySet<string> = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'])
