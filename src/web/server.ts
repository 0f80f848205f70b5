import { STATUS_CODES } from 'node:http'
import type { ServerOptions } from 'node:https'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyReply, type FastifyRequest } from 'fastify'
import { ACCESS, type Access, type AccessTable, accessOf } from './access.ts'
import { type Authenticator, hasScope, type Principal, type Scope } from './auth.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** who is calling; set before any handler runs, except on public routes */
    principal: Principal
  }
  interface FastifyContextConfig {
    /** who may use the route, from the access table; no route sets it itself */
    access?: Access
  }
}

/** One part whose health /readyz shows. `ping` rejects with the reason why the part cannot do its work. */
export interface Probe {
  readonly name: string
  ping(): Promise<void>
}

export interface ServerParts {
  readonly authenticate: Authenticator
  readonly probes: readonly Probe[]
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  /** routes of other rooms; registered in order */
  readonly plugins: readonly FastifyPluginAsync[]
  /** present: TLS only */
  readonly tls?: TlsFiles
  /** who may use which route (default: ACCESS) */
  readonly access?: AccessTable
  /** told of every request that is a person's to make, when it was answered; for the audit record. Must not throw */
  readonly acted?: (action: Action) => void
  /** told of what a handler threw: a defect of ours */
  readonly onError: (error: unknown, request: { readonly method: string; readonly url: string }) => void
}

/** What a listener that speaks TLS needs, as PEM. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** authorities of which every client must show a certificate (mutual TLS); none is asked for when absent */
  readonly clientCa?: string
}

/** Something that a person did, or tried to do, over the API. */
export interface Action {
  readonly principal: Principal
  readonly method: string
  readonly path: string
  readonly status: number
}

const MAX_BODY_BYTES = 16 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000
const PROBE_TIMEOUT_MS = 3_000
const RETRY_AFTER_S = 5

/**
 * The HTTP server: limits, headers, who is calling, health; what it serves comes as plugins. Not yet listening. Rejects
 * with AccessError when a plugin registers a route that the access table does not have.
 */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const server = Fastify({
    https: parts.tls ? tlsOptions(parts.tls) : null,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 65_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 256 },
    // A member named __proto__ or constructor must not reach an object of ours.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
  }) as unknown as FastifyInstance // One type for both: nothing of ours looks at the listener itself.
  server.decorateRequest('principal', null as unknown as Principal)
  const table = parts.access ?? ACCESS
  server.addHook('onRoute', (route) => {
    for (const method of [route.method].flat())
      route.config = { ...route.config, access: accessOf(table, method, route.url) }
  })
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    return admit(parts.authenticate, request, reply)
  })
  if (parts.acted) tellActions(server, parts.acted)
  closeAnsweredConnections(server)
  answerProblems(server, parts.onError)
  healthRoutes(server, parts)
  for (const plugin of parts.plugins) await server.register(plugin)
  return server
}

function tlsOptions({ cert, key, clientCa }: TlsFiles): ServerOptions {
  const mutual = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }
  return { cert, key, minVersion: 'TLSv1.2', ...mutual }
}

/** Reading changes nothing, and what PEPs send is in the events. */
function tellActions(server: FastifyInstance, acted: NonNullable<ServerParts['acted']>): void {
  server.addHook('onResponse', async (request, reply) => {
    const { principal, method } = request
    const { access } = request.routeOptions.config
    if (method === 'GET' || principal === null || !isPersonal(access)) return
    acted({ principal, method, path: request.url.split('?', 1)[0] ?? '', status: reply.statusCode })
  })
}

const PERSONAL: ReadonlySet<Scope> = new Set(['responder', 'analyst', 'admin'])

function isPersonal(access: Access | undefined): boolean {
  return access !== undefined && access !== 'public' && access.some((scope) => PERSONAL.has(scope))
}

/** A connection that is kept alive after its last answer would hold up the end of the server. */
function closeAnsweredConnections(server: FastifyInstance): void {
  let isClosing = false
  server.addHook('preClose', async () => {
    isClosing = true
  })
  server.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close')
  })
}

/** No page of ours loads anything from elsewhere, none may be framed, and nothing we answer may be guessed to be a script. */
const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

async function admit(authenticate: Authenticator, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { access } = request.routeOptions.config
  if (access === 'public') return undefined
  const authentication = await authenticate(request.headers.authorization)
  if (authentication.kind === 'refused') {
    reply.header('www-authenticate', 'Bearer realm="belay"')
    return problem(reply, 401, authentication.why)
  }
  if (authentication.kind === 'unavailable')
    return problem(reply.header('retry-after', RETRY_AFTER_S), 503, authentication.why)
  const { principal } = authentication
  if (principal.anonymous && !isLocalRequest(request))
    return problem(reply, 403, 'without tokens only this machine may call; configure `tokens`')
  // What is nowhere registered has no entry: whoever is known is told so by a 404.
  if (access !== undefined && !hasScope(principal, access))
    return problem(reply, 403, `needs a token with the scope ${access.join(' or ')}`)
  request.principal = principal.anonymous
    ? { ...principal, tenant: namedTenant(request) ?? principal.tenant }
    : principal
  return undefined
}

/**
 * A web page in a browser on this machine can reach a loopback port: under its own name by rebinding DNS (the Host
 * header tells), or across origins (the Origin header tells).
 */
function isLocalRequest(request: FastifyRequest): boolean {
  const { origin } = request.headers
  return (
    LOCAL_HOST.test(request.headers.host ?? '') &&
    (origin === undefined || origin === `${request.protocol}://${request.headers.host}`)
  )
}

/** Nobody's tenant is known without tokens: whoever has several says which one is meant. */
function namedTenant(request: FastifyRequest): string | undefined {
  const name = request.headers['x-belay-tenant']
  return typeof name === 'string' && name !== '' ? name : undefined
}

const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

function healthRoutes(server: FastifyInstance, { probes, metrics }: ServerParts): void {
  server.get('/healthz', async () => ({ status: 'ok' }))
  server.get('/readyz', async (_request, reply) => {
    const parts = Object.fromEntries(await Promise.all(probes.map(async (probe) => [probe.name, await probed(probe)])))
    const ready = Object.values(parts).every((state) => state === 'ok')
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', parts })
  })
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics()
    return reply.type(contentType).send(text)
  })
}

/** `ok`, or why the part cannot work. */
async function probed(probe: Probe): Promise<string> {
  const timer = new AbortController()
  const late = new Promise<string>((resolve) => {
    const timeout = setTimeout(() => resolve(`no answer within ${PROBE_TIMEOUT_MS} ms`), PROBE_TIMEOUT_MS)
    timer.signal.addEventListener('abort', () => clearTimeout(timeout))
  })
  const answer = probe.ping().then(
    () => 'ok',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  return Promise.race([answer, late]).finally(() => timer.abort())
}

function answerProblems(server: FastifyInstance, onError: ServerParts['onError']): void {
  server.setNotFoundHandler({ preHandler: [] }, async (request, reply) =>
    problem(reply, 404, `nothing answers ${request.method} ${request.url.split('?', 1)[0] ?? ''}`),
  )
  server.setErrorHandler(async (error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status < 500) return problem(reply, status, error.message)
    onError(error, { method: request.method, url: request.url })
    return problem(reply, status, 'the server failed; its log has the details')
  })
}

/** RFC 9457 problem details. */
export function problem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const title = STATUS_CODES[status] ?? 'Error'
  return reply.code(status).type('application/problem+json').send({ type: 'about:blank', title, status, detail })
}
