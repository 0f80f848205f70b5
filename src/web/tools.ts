import type { FastifyInstance } from 'fastify'
import {
  type Change,
  type CloudEvent,
  type Concern,
  changesOf,
  concernsOf,
  type Definition,
  type ToolInfo,
} from '../model/index.ts'
import type { Store } from '../store/store.ts'
import { problem } from './server.ts'

/** A tool in `GET /v1/tools`; times are ISO 8601. */
export interface ToolRow {
  readonly server: string
  readonly tool: string
  /** distinct definitions that were listed */
  readonly versions: number
  readonly first: string
  readonly last: string
  /** agents that were shown it, and those that called it */
  readonly shown_to: number
  readonly callers: number
  readonly calls: number
}

/** One version in a passport: by whom it was seen and when, what it asks for, what is different from the one before. */
export interface PassportVersion {
  readonly schema_sha256: string
  readonly description_sha256: string
  readonly release?: string
  readonly first: string
  readonly last: string
  readonly shown_to: readonly string[]
  readonly sessions: number
  readonly description?: string
  readonly concerns: readonly Concern[]
  readonly changes: readonly Change[]
}

export interface ToolPassport {
  readonly server: string
  readonly tool: string
  readonly versions: readonly PassportVersion[]
  readonly callers: readonly { readonly agent: string; readonly calls: number; readonly last: string }[]
}

const TEXT = { type: 'string', maxLength: 256 }
const LIST_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: { server: TEXT, limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } },
}

/** What servers have shown and who used it: passports of tools, read from the stored events of the caller's tenant. */
export function toolRoutes(server: FastifyInstance, { store }: { readonly store: Pick<Store, 'query'> }): void {
  server.get('/v1/tools', { schema: { querystring: LIST_QUERY } }, async (request) => {
    const { server: of = '', limit } = request.query as { readonly server?: string; readonly limit: number }
    return { tools: await listTools(store, { tenant: request.principal.tenant, server: of, limit }) }
  })
  server.get('/v1/tools/:server/:tool', async (request, reply) => {
    const { server: id, tool } = request.params as { readonly server: string; readonly tool: string }
    const passport = await readPassport(store, { tenant: request.principal.tenant, server: id, tool })
    return passport ?? problem(reply, 404, 'no such tool in this tenant')
  })
}

/** The tools of a server, or of all servers where it is empty, the one seen last first. */
export async function listTools(
  store: Pick<Store, 'query'>,
  key: { readonly tenant: string; readonly server: string; readonly limit: number },
): Promise<readonly ToolRow[]> {
  const rows = await store.query<StoredRow>(TOOLS, key)
  return rows.map((row) => ({ ...row, first: iso(row.first), last: iso(row.last) }))
}

/** Undefined where the tenant has neither been shown the tool nor called it. */
export async function readPassport(
  store: Pick<Store, 'query'>,
  key: { readonly tenant: string; readonly server: string; readonly tool: string },
): Promise<ToolPassport | undefined> {
  const stored = await store.query<StoredVersion>(VERSIONS, key)
  const callers = await store.query<{ agent: string; calls: number; last: number }>(CALLERS, key)
  if (stored.length === 0 && callers.length === 0) return undefined
  const { server, tool } = key
  return {
    server,
    tool,
    versions: versionsOf(stored, tool),
    callers: callers.map((one) => ({ ...one, last: iso(one.last) })),
  }
}

type StoredRow = Omit<ToolRow, 'first' | 'last'> & { readonly first: number; readonly last: number }

interface StoredVersion {
  readonly schema_sha256: string
  readonly description_sha256: string
  readonly first: number
  readonly last: number
  readonly shown_to: readonly string[]
  readonly sessions: number
  readonly first_event: string
}

const LISTED = `events ARRAY JOIN arrayZip(\`listed.tool\`, \`listed.schema_sha256\`, \`listed.description_sha256\`) AS shown
  WHERE tenant = {tenant:String}`

/** A version is told apart by its digests, and where the PEP states none by the list that it came in. */
const TEXT_OF = `if(shown.2 = '' AND shown.3 = '', cityHash64(visitParamExtractRaw(event, 'tools')), 0)`

const TOOLS = `
  SELECT server, tool, sum(versions) AS versions, min(first) AS first, max(last) AS last, sum(shown_to) AS shown_to,
         sum(callers) AS callers, sum(calls) AS calls
  FROM (
    SELECT server, shown.1 AS tool, uniqExact(shown.2, shown.3, ${TEXT_OF}) AS versions, toUnixTimestamp64Milli(min(time)) AS first,
           toUnixTimestamp64Milli(max(time)) AS last, uniqExact(agent_id) AS shown_to, 0 AS callers, 0 AS calls
    FROM ${LISTED} GROUP BY server, tool
    UNION ALL
    SELECT server, tool, 0, toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time)), 0,
           uniqExact(agent_id), countIf(first_of_call)
    FROM events WHERE tenant = {tenant:String} AND op = 'tools/call' AND tool != '' GROUP BY server, tool
  )
  WHERE {server:String} = '' OR server = {server:String}
  GROUP BY server, tool ORDER BY last DESC, server, tool LIMIT {limit:UInt32}`

const VERSIONS = `
  SELECT shown.2 AS schema_sha256, shown.3 AS description_sha256, toUnixTimestamp64Milli(min(time)) AS first,
         toUnixTimestamp64Milli(max(time)) AS last, arraySort(groupUniqArray(16)(agent_id)) AS shown_to,
         uniqExact(agent_id, session_id) AS sessions, argMin(event, time) AS first_event
  FROM ${LISTED} AND server = {server:String} AND shown.1 = {tool:String}
  GROUP BY schema_sha256, description_sha256, ${TEXT_OF}
  ORDER BY first LIMIT 50`

const CALLERS = `
  SELECT agent_id AS agent, countIf(first_of_call) AS calls, toUnixTimestamp64Milli(max(time)) AS last
  FROM events
  WHERE tenant = {tenant:String} AND op = 'tools/call' AND server = {server:String} AND tool = {tool:String}
  GROUP BY agent ORDER BY calls DESC, agent LIMIT 100`

function versionsOf(stored: readonly StoredVersion[], tool: string): readonly PassportVersion[] {
  let before: Definition | undefined
  return stored.map(({ first_event: event, first, last, ...row }) => {
    // Written by us, from an event that was valid.
    const { data } = JSON.parse(event) as CloudEvent
    const shown = data.tools?.find(({ name }) => name === tool)
    const definition = definitionOf(shown, data.server.version)
    const { description, release } = definition
    const version = {
      ...row,
      ...(release !== undefined && { release }),
      first: iso(first),
      last: iso(last),
      ...(description !== undefined && { description }),
      concerns: concernsOf({ name: tool, description, schema: definition.schema }),
      changes: before === undefined ? [] : changesOf(before, definition),
    }
    before = definition
    return version
  })
}

function definitionOf(tool: ToolInfo | undefined, release: string | undefined): Definition {
  return {
    schemaSha: tool?.schema_sha256,
    descriptionSha: tool?.description_sha256,
    description: tool?.description,
    schema: tool?.input_schema,
    annotations: tool?.annotations,
    release: tool?.version ?? release,
  }
}

function iso(ms: number): string {
  return new Date(Number(ms)).toISOString()
}
