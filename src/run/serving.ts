import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { eventRoutes, type IngestOptions } from '../accept/http/routes.ts'
import { otlpRoutes } from '../accept/otlp.ts'
import { approvalRoutes } from '../web/approvals.ts'
import { createAuthenticator, type LoginReader, type TokenRecord } from '../web/auth.ts'
import { containmentRoutes } from '../web/containments.ts'
import { decideRoute } from '../web/decide.ts'
import { findingRoutes } from '../web/findings.ts'
import { forwardRoutes } from '../web/forward.ts'
import { huntRoutes } from '../web/hunt.ts'
import { createOidc } from '../web/oidc.ts'
import { queryRoutes } from '../web/query.ts'
import type { Probe, ServerParts, TlsFiles } from '../web/server.ts'
import { ConfigError, type Settings } from './config.ts'
import type { Config } from './config-schema.ts'
import type { Door } from './parts/accept.ts'
import { recordAction } from './parts/audit.ts'
import type { Entrance } from './parts/entrance.ts'
import type { Parts } from './parts.ts'

/** What the HTTP server of this process serves, by its roles. */
export function serverParts(parts: Parts): ServerParts {
  const { settings, metrics, log, audit } = parts
  const { roles } = settings.config
  return {
    authenticate: createAuthenticator(tokenRecords(settings), loginReader(settings)),
    ...tlsOf(settings),
    probes: probesOf(parts),
    metrics: () => metrics.exposition(),
    plugins: [
      ...(roles.includes('accept') ? ingestRoutes(parts) : []),
      ...(roles.includes('web') ? webRoutes(parts) : []),
      ...(parts.forward?.forwarder ? [forwardRoutes(parts.forward.forwarder)] : []),
    ],
    acted: (action) => recordAction(audit, action),
    onError: (err, request) => log.error({ err, ...request }, 'a request failed'),
  }
}

function ingestRoutes({ door, entrance, dispatch, settings }: Parts) {
  const options: IngestOptions = {
    decode: door.decode,
    delivery: entrance.delivery,
    // Without tokens nobody's tenant is bound: events say their own.
    principalOf: ({ principal }) => (principal.anonymous ? { name: principal.name } : principal),
    now: Date.now,
  }
  const { roles, redis } = settings.config
  // Without a way back from whoever judges, no verdict would ever come.
  const answers = roles.includes('score') || redis !== undefined
  return [
    eventRoutes(options),
    otlpRoutes(options),
    ...(answers ? [decideRoute({ ...dispatch, ingest: options })] : []),
  ]
}

function webRoutes({ dispatch, door, store, exceptions, audit, forward }: Parts) {
  const every = (ms: number, run: () => void) => {
    const timer = setInterval(run, ms)
    return () => clearInterval(timer)
  }
  const { posture, desk, census, approvals, webhook } = dispatch
  const roleOf = (tenant: string, agent: string) => census.roleOf(tenant, agent)
  const asking = {
    approvals,
    redactArgs: (args: Readonly<Record<string, unknown>>) => redactedArgs(door, args),
    ...(webhook && { readAnswer: (body: string, headers: IncomingHttpHeaders) => webhook.read(body, headers) }),
  }
  return [
    approvalRoutes(asking),
    containmentRoutes({ posture, desk, roleOf, now: Date.now, every }),
    queryRoutes({ store, now: Date.now }),
    findingRoutes({
      store,
      exceptions,
      told: (action) => audit.add(action),
      ...(forward && { forward: (findings) => forward.desk.tell(findings) }),
      now: Date.now,
    }),
    huntRoutes(store),
  ]
}

/** As they would be in an event; nothing is shown of what is nested too deep to be looked through. */
function redactedArgs({ redactor }: Door, args: Readonly<Record<string, unknown>>): unknown {
  const call = { op: 'tools/call', phase: 'request', call_id: '-', agent: { id: '-' }, session: { id: '-' } } as const
  const data = { ...call, server: { id: '-' }, args }
  const envelope = { specversion: '1.0', id: '-', source: '-', type: 'agent.tool.event.v1', time: '' } as const
  return redactor.event({ ...envelope, data })?.data.args ?? {}
}

function tokenRecords({ config, secret }: Settings): readonly TokenRecord[] {
  return config.tokens.map(({ token, sha256, ...record }) => ({
    ...record,
    sha256: sha256 ?? (token ? createHash('sha256').update(secret(token)).digest('hex') : ''),
  }))
}

function loginReader({ config }: Settings): LoginReader | undefined {
  if (config.logins.length === 0) return undefined
  return createOidc(
    config.logins.map(({ jwksUrl, scopes, ...login }) => ({
      ...login,
      ...(jwksUrl !== undefined && { jwksUrl }),
      scopes: new Map(Object.entries(scopes)),
    })),
    Date.now,
  )
}

/** Throws ConfigError naming the file that cannot be read. */
function tlsOf({ config, secret }: Settings): { readonly tls?: TlsFiles } {
  const { tls } = config.listen
  if (!tls) return {}
  const { cert, key, clientCa } = tls
  const ca = clientCa === undefined ? {} : { clientCa: pemFile('listen.tls.clientCa', clientCa) }
  return { tls: { cert: pemFile('listen.tls.cert', cert), key: secret(key), ...ca } }
}

function probesOf({ store, dispatch, entrance }: Parts): readonly Probe[] {
  return [
    { name: 'ingest', ping: async () => roomIn(entrance) },
    { name: 'store', ping: () => store.ping() },
    { name: 'queue', ping: async () => void (await dispatch.queue.depth()) },
    { name: 'posture', ping: async () => void (await dispatch.posture.decide({ tenant: 'default' }, Date.now())) },
  ]
}

function roomIn({ delivery }: Entrance): void {
  if (!delivery.hasRoom()) throw new Error('more events wait than may wait: the pipeline is behind')
}

function pemFile(path: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError('listen', [`${path}: ${error instanceof Error ? error.message : String(error)}`])
  }
}

/** Where it really listens: the port may have been any free one. */
export function urlOf(server: FastifyInstance, { listen }: Config): string {
  const { port } = (server.server.address() as AddressInfo | null) ?? listen
  const host = listen.host === '0.0.0.0' || listen.host === '::' ? '127.0.0.1' : listen.host
  return `${listen.tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
