import { createHash } from 'node:crypto'
import {
  CALLERS_KEPT,
  type Change,
  CLIENTS_KEPT,
  type Concern,
  changesOf,
  concernsOf,
  type EventData,
  likenessOf,
  type Namesake,
  type Neighbours,
  type Passport,
  type ServerInfo,
  type ServerNews,
  type Sighted,
  similarity,
  type ToolInfo,
  VERSIONS_KEPT,
  type Version,
} from '../../model/index.ts'
import { BoundedMap, remember } from './bounded.ts'

/** What is kept of one tenant. */
const MAX_SERVERS = 1_000
const MAX_TOOLS_PER_SERVER = 500
const MAX_NAMESAKES = 8
/** definitions of one list that are looked at */
const MAX_LISTED = 500
const TOUCH_MS = 3_600_000
/** two definitions shown within this time of each other are shown at the same time */
const OVERLAP_MS = 30 * 60_000

export interface VersionRecord extends Version {
  firstMs: number
  lastMs: number
  sightings: number
  isLearnt: boolean
  schemaSha: string | undefined
  descriptionSha: string | undefined
  description: string | undefined
  schema: Readonly<Record<string, unknown>> | undefined
  release: string | undefined
  concerns: readonly Concern[]
  changes: readonly Change[]
  readonly clients: string[]
}

interface Shown {
  readonly version: VersionRecord
  readonly session: string
}

export interface ToolRecord extends Passport {
  firstMs: number
  lastMs: number
  readonly versions: VersionRecord[]
  current: VersionRecord | undefined
  readonly callers: { readonly agent: string; calls: number }[]
  /** what each client was shown last */
  readonly shown: BoundedMap<string, Shown>
}

export interface ServerRecord {
  readonly server: string
  firstMs: number
  lastMs: number
  url: string | undefined
  isLearnt: boolean
  readonly tools: BoundedMap<string, ToolRecord>
}

/** Who is shown something, when and in which session. */
export interface Client {
  agent: string
  session: string
  timeMs: number
  /** version of the server as this event states it */
  release: string | undefined
  /** a list shows definitions to its client; a call only says which one it goes by */
  isList: boolean
}

/** Tools and servers of one tenant: every version of every definition, who was shown it, who calls it. */
export class ToolBook {
  readonly servers = new BoundedMap<string, ServerRecord>(MAX_SERVERS)
  /** servers whose last announcement of a change is younger than what clients were shown */
  private readonly announced = new BoundedMap<string, number>(MAX_SERVERS)

  /** The server of an event; news where it is the first event of it. */
  enter(info: ServerInfo, timeMs: number, registered: ReadonlySet<string> | undefined): ServerNews | undefined {
    const known = this.servers.get(info.id)
    if (known !== undefined) {
      if (timeMs - known.lastMs > TOUCH_MS) this.servers.touch(info.id)
      if (timeMs > known.lastMs) known.lastMs = timeMs
      known.url ??= info.url
      return undefined
    }
    const news = this.newsOf(info, registered)
    this.add(info.id, timeMs, info.url)
    return news
  }

  /** The server says that its tools change: what clients see from here on is no surprise by its moment. */
  announce(server: string, timeMs: number): void {
    this.announced.set(server, timeMs)
  }

  /** A definition as this client is shown it; undefined where it is what everyone is shown. */
  sight(server: string, tool: ToolInfo, client: Client): Sighted | undefined {
    const record = this.recordOf(server, tool.name, client.timeMs)
    if (record === undefined) return undefined
    const { current } = record
    if (current !== undefined && agrees(current, tool)) {
      const isFirstText = current.description === undefined && tool.description !== undefined
      note(record, current, tool, client)
      return isFirstText ? this.seeText(record, current, tool) : undefined
    }
    if (tool.schema_sha256 === undefined && tool.description_sha256 === undefined && tool.description === undefined)
      return undefined
    const known = record.versions.find((version) => agrees(version, tool))
    return known === undefined ? this.seeNew(record, tool, client) : this.seeAgain(record, known, tool, client)
  }

  call(server: string, tool: string, agent: string, timeMs: number): ToolRecord | undefined {
    const record = this.servers.get(server)?.tools.get(tool)
    if (record === undefined) return undefined
    if (timeMs > record.lastMs) record.lastMs = timeMs
    for (const caller of record.callers)
      if (caller.agent === agent) {
        caller.calls++
        return record
      }
    if (record.callers.length < CALLERS_KEPT) record.callers.push({ agent, calls: 1 })
    return record
  }

  /** Server and tool as history or an event names them; undefined beyond the bound. */
  recordOf(server: string, tool: string, timeMs: number): ToolRecord | undefined {
    const of = this.servers.get(server) ?? this.add(server, timeMs, undefined)
    const known = of.tools.get(tool)
    if (known !== undefined) return known
    if (of.tools.size >= MAX_TOOLS_PER_SERVER) return undefined
    return of.tools.set(tool, {
      server,
      tool,
      firstMs: timeMs,
      lastMs: timeMs,
      versions: [],
      current: undefined,
      callers: [],
      shown: new BoundedMap(CLIENTS_KEPT),
    })
  }

  add(server: string, timeMs: number, url: string | undefined): ServerRecord {
    const record = {
      server,
      firstMs: timeMs,
      lastMs: timeMs,
      url,
      isLearnt: false,
      tools: new BoundedMap<string, ToolRecord>(MAX_TOOLS_PER_SERVER),
    }
    return this.servers.set(server, record)
  }

  private seeNew(record: ToolRecord, tool: ToolInfo, client: Client): Sighted {
    const before = record.current
    const neighbours = this.neighboursOf(record)
    const version = versionOf(tool, client, neighbours)
    const changes = before === undefined ? [] : changesOf(before, version, neighbours)
    version.changes = changes
    const isMidSession = before !== undefined && this.isMidSession(record, before, client)
    record.versions.push(version)
    if (record.versions.length > VERSIONS_KEPT) record.versions.splice(record.versions[0]?.isLearnt === true ? 1 : 0, 1)
    note(record, version, tool, client)
    return {
      novelty: before === undefined ? 'first' : 'changed',
      passport: record,
      version,
      before,
      changes,
      isMidSession,
      isContradicted: false,
      namesakes: before === undefined ? this.namesakesOf(record, version) : [],
    }
  }

  /** Calls state digests only; the first list brings the text that belongs to them. */
  private seeText(record: ToolRecord, version: VersionRecord, tool: ToolInfo): Sighted {
    const { description, input_schema: schema } = tool
    version.description = description
    version.schema ??= schema
    version.concerns = concernsOf({ name: tool.name, description, schema }, this.neighboursOf(record))
    return {
      novelty: 'first',
      passport: record,
      version,
      before: undefined,
      changes: [],
      isMidSession: false,
      isContradicted: false,
      namesakes: this.namesakesOf(record, version),
    }
  }

  /** An earlier version after a later one: a release that was taken back, or two faces for two clients. */
  private seeAgain(record: ToolRecord, version: VersionRecord, tool: ToolInfo, client: Client): Sighted {
    const before = record.current
    const isContradicted =
      before !== undefined && before.release === version.release && client.timeMs - before.lastMs <= OVERLAP_MS
    const changes = before === undefined ? [] : changesOf(before, version, this.neighboursOf(record))
    const isMidSession = before !== undefined && this.isMidSession(record, before, client)
    note(record, version, tool, client)
    return {
      novelty: 'returned',
      passport: record,
      version,
      before,
      changes,
      isMidSession,
      isContradicted,
      namesakes: [],
    }
  }

  private isMidSession(record: ToolRecord, before: VersionRecord, client: Client): boolean {
    const shown = record.shown.get(client.agent)
    if (shown === undefined || shown.version !== before || shown.session !== client.session) return false
    return (this.announced.get(record.server) ?? Number.NEGATIVE_INFINITY) < before.lastMs
  }

  private neighboursOf(record: ToolRecord): Neighbours {
    const siblings = new Set<string>()
    const foreign = new Set<string>()
    for (const { server, tools } of this.servers.values())
      for (const { tool } of tools.values()) (server === record.server ? siblings : foreign).add(tool)
    return { siblings, foreign }
  }

  private namesakesOf(record: ToolRecord, version: VersionRecord): readonly Namesake[] {
    const found: Namesake[] = []
    for (const { server, tools } of this.servers.values()) {
      if (server === record.server) continue
      for (const other of tools.values()) {
        const likeness = other.tool === record.tool ? 'same' : likenessOf(record.tool, other.tool)
        const { current } = other
        if (likeness === undefined || current === undefined || found.length >= MAX_NAMESAKES) continue
        const alike =
          version.description === undefined || current.description === undefined
            ? undefined
            : similarity(version.description, current.description)
        found.push({ server, tool: other.tool, likeness, alike, isLearnt: current.isLearnt })
      }
    }
    return found
  }

  private newsOf({ id, url }: ServerInfo, registered: ReadonlySet<string> | undefined): ServerNews {
    const passesFor: { server: string; likeness: 'confusable' | 'typo' | 'decorated' }[] = []
    let sameAddressAs: string | undefined
    for (const known of this.servers.values()) {
      const likeness = likenessOf(id, known.server)
      if (likeness !== undefined && passesFor.length < MAX_NAMESAKES) passesFor.push({ server: known.server, likeness })
      if (url !== undefined && known.url === url) sameAddressAs = known.server
    }
    return { server: id, url, isRegistered: registered?.has(id), passesFor, sameAddressAs }
  }
}

/** Every digest that both state is the same, and the texts are where no digest can be compared. */
function agrees(version: VersionRecord, tool: ToolInfo): boolean {
  const { schema_sha256: schemaSha, description_sha256: descriptionSha } = tool
  const bySchema = schemaSha !== undefined && version.schemaSha !== undefined
  if (bySchema && schemaSha !== version.schemaSha) return false
  const byDescription = descriptionSha !== undefined && version.descriptionSha !== undefined
  if (byDescription && descriptionSha !== version.descriptionSha) return false
  if (!byDescription && tool.description !== undefined && version.description !== undefined)
    if (tool.description !== version.description) return false
  if (!bySchema && tool.input_schema !== undefined && version.schema !== undefined)
    if (JSON.stringify(tool.input_schema) !== JSON.stringify(version.schema)) return false
  return true
}

function versionOf(tool: ToolInfo, client: Client, neighbours: Neighbours): VersionRecord {
  const { description, input_schema: schema } = tool
  return {
    digest: digestOf(tool),
    schemaSha: tool.schema_sha256,
    descriptionSha: tool.description_sha256,
    description,
    schema,
    annotations: tool.annotations,
    release: tool.version ?? client.release,
    firstMs: client.timeMs,
    lastMs: client.timeMs,
    concerns:
      description === undefined && schema === undefined
        ? []
        : concernsOf({ name: tool.name, description, schema }, neighbours),
    clients: [],
    sightings: 0,
    isLearnt: false,
    changes: [],
  }
}

/** Names a version in a passport; as short as an analyst can compare by eye. */
function digestOf({ schema_sha256, description_sha256, description, input_schema }: ToolInfo): string {
  const parts = [schema_sha256 ?? JSON.stringify(input_schema ?? {}), description_sha256 ?? description ?? '']
  return createHash('sha256').update(parts.join('\u001f')).digest('hex').slice(0, 16)
}

/** A sighting of a version that is known; what it adds to what was known of it is kept. */
function note(record: ToolRecord, version: VersionRecord, tool: ToolInfo, client: Client): void {
  record.current = version
  version.sightings++
  if (client.timeMs > version.lastMs) version.lastMs = client.timeMs
  if (client.timeMs > record.lastMs) record.lastMs = client.timeMs
  version.schemaSha ??= tool.schema_sha256
  version.descriptionSha ??= tool.description_sha256
  version.release ??= tool.version ?? client.release
  if (!client.isList) return
  remember(version.clients, client.agent, CLIENTS_KEPT)
  const shown = record.shown.get(client.agent)
  if (shown?.version !== version || shown.session !== client.session)
    record.shown.set(client.agent, { version, session: client.session })
}

/** Tools that an event shows: a list, or the one that it calls. */
export function shownBy({ tools, tool }: EventData): readonly ToolInfo[] {
  if (tools !== undefined) return tools.length > MAX_LISTED ? tools.slice(0, MAX_LISTED) : tools
  return tool === undefined ? [] : [tool]
}
