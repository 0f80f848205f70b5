import type { Scope } from './auth.ts'

/** Who may use a route: everyone, or principals with one of the scopes (`admin` has all). */
export type Access = 'public' | readonly [Scope, ...Scope[]]

/** By method and path as they are registered. A route that is not in it is refused when the server is built. */
export type AccessTable = Readonly<Record<string, Access>>

const SENDERS: Access = ['ingest', 'pep']
const PEPS: Access = ['pep']
const READERS: Access = ['analyst', 'responder']
const RESPONDERS: Access = ['responder']
/** What PEPs obey and people look at. */
const OBEYING: Access = ['pep', 'analyst', 'responder']

/** Least privilege: each route names who needs it. Tenants are kept apart by the handlers, whatever the scope. */
export const ACCESS = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': ['analyst'],

  'POST /v1/events': SENDERS,
  'POST /v1/traces': SENDERS,
  'POST /v1/logs': SENDERS,
  'POST /v1/decide': PEPS,

  'GET /v1/decisions': OBEYING,
  'GET /v1/decisions/stream': OBEYING,
  'GET /v1/containments': OBEYING,
  'GET /v1/containments/:id': OBEYING,
  'POST /v1/containments/:id/ack': ['pep', 'responder'],
  'POST /v1/containments': RESPONDERS,
  'DELETE /v1/containments/:id': RESPONDERS,
  'POST /v1/containments/:id/release': RESPONDERS,
  'POST /v1/containments/:id/renew': RESPONDERS,

  'POST /v1/step-ups': PEPS,
  'GET /v1/step-ups/:id': PEPS,
  'POST /v1/step-ups/:id/redeem': PEPS,
  'GET /v1/approvals': READERS,
  'GET /v1/approvals/:id': READERS,
  'POST /v1/approvals/:id/approve': RESPONDERS,
  'POST /v1/approvals/:id/deny': RESPONDERS,
  // A chat tool has no token: the signature over what it sends is its proof.
  'POST /v1/approvals/answers': 'public',

  'GET /v1/sessions': READERS,
  'GET /v1/sessions/:session': READERS,
  'GET /v1/events/:event/explanation': READERS,
  'GET /v1/hunts': READERS,
  'POST /v1/hunt': READERS,
  'GET /v1/findings': READERS,
  'GET /v1/findings/:id': READERS,
  'POST /v1/findings/:id/disposition': READERS,
  'GET /v1/exceptions': READERS,
  'GET /v1/exceptions/:id': READERS,
  'POST /v1/exceptions/:id/accept': RESPONDERS,
  'POST /v1/exceptions/:id/decline': RESPONDERS,
  'GET /v1/completeness': READERS,
  'GET /v1/tools': READERS,
  'GET /v1/tools/:server/:tool': READERS,
  'GET /v1/baselines': READERS,
  'GET /v1/baselines/:role': READERS,
  'GET /v1/baselines/:role/versions': READERS,
  'GET /v1/baseline-diff': READERS,
  'POST /v1/baselines/:role/rollback': RESPONDERS,
  'POST /v1/baselines/:role/resume': RESPONDERS,

  'GET /v1/forward': READERS,
  // What a receiver refused may be of any tenant.
  'GET /v1/forward/:name/dead': ['admin'],
  'POST /v1/forward/:name/replay': ['admin'],

  'GET /v1/dead-letters': READERS,
  // Original bytes were never redacted: reading them, and sending them in again, is for admins.
  'GET /v1/dead-letters/:id': ['admin'],
  'POST /v1/dead-letters/:id/replay': ['admin'],
} satisfies AccessTable

export class AccessError extends Error {
  override readonly name = 'AccessError'
  readonly code = 'route_without_access'
}

/** What the table says of a route; HEAD is a GET without its body. Throws AccessError for one that it does not have. */
export function accessOf(table: AccessTable, method: string, path: string): Access {
  const key = `${method === 'HEAD' ? 'GET' : method} ${path}`
  const access = Object.hasOwn(table, key) ? table[key] : undefined
  if (access === undefined) throw new AccessError(`${key} has no entry in src/web/access.ts; say there who may use it`)
  return access
}
