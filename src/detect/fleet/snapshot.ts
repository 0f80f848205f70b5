import type { Definition } from '../../model/index.ts'
import { remember } from './bounded.ts'
import { type AgentRecord, type CredentialRecord, type Habits, newCredential } from './identity.ts'
import type { PepRecord } from './peps.ts'
import type { TenantFleet } from './tenant.ts'
import type { ServerRecord, ToolRecord, VersionRecord } from './tools.ts'

/** What history vouches for in one tenant, as it is kept beside the baselines. */
export interface FleetSnapshot {
  readonly format: 1
  readonly tenant: string
  readonly sessions: number
  readonly days: number
  readonly fromMs: number
  readonly toMs: number
  readonly servers: readonly KeptServer[]
  readonly agents: readonly (readonly [id: string, kept: KeptAgent])[]
  readonly credentials: readonly (readonly [sha: string, kept: KeptCredential])[]
  readonly chains: readonly string[]
  readonly privileges: readonly string[]
  readonly failures: { readonly ofOne: number; readonly agentsTried: number; readonly agentsFailing: number }
  readonly peps: readonly KeptPep[]
}

interface KeptServer {
  readonly server: string
  readonly url?: string | undefined
  readonly firstMs: number
  readonly lastMs: number
  readonly tools: readonly KeptTool[]
}

interface KeptTool {
  readonly tool: string
  readonly firstMs: number
  readonly lastMs: number
  readonly versions: readonly KeptVersion[]
}

interface KeptVersion extends Definition {
  readonly digest: string
  readonly firstMs: number
  readonly lastMs: number
  readonly sightings: number
  readonly clients: readonly string[]
}

type KeptHabits = Readonly<Record<keyof Habits, readonly string[]>>
interface KeptAgent extends KeptHabits {
  readonly credentials: readonly string[]
  readonly scopes: readonly string[]
  readonly role: string
}
interface KeptCredential extends KeptHabits {
  readonly agents: readonly string[]
}
export type KeptPep = Pick<
  PepRecord,
  'source' | 'events' | 'longestGapMs' | 'hasHeartbeat' | 'calls' | 'decided' | 'lastMs'
>

/** A fleet snapshot that cannot be read; the message says what to do. */
export class FleetSnapshotError extends Error {
  override readonly name = 'FleetSnapshotError'
  readonly code = 'fleet-snapshot-unusable'
}

/** Throws FleetSnapshotError. */
export function parseFleet(text: string, name = 'fleet snapshot'): FleetSnapshot {
  let snapshot: FleetSnapshot
  try {
    snapshot = JSON.parse(text) as FleetSnapshot
  } catch (cause) {
    throw new FleetSnapshotError(`${name} is not JSON; learn it again`, { cause })
  }
  if (snapshot?.format !== 1 || typeof snapshot.tenant !== 'string' || !Array.isArray(snapshot.servers))
    throw new FleetSnapshotError(`${name} is not a fleet snapshot of format 1; learn it again with this version`)
  return snapshot
}

export function snapshotOf(
  fleet: TenantFleet,
  tenant: string,
  head: Pick<FleetSnapshot, 'sessions' | 'days' | 'fromMs' | 'toMs'>,
): FleetSnapshot {
  const { tools, identities, failures, peps } = fleet
  return {
    format: 1,
    tenant,
    ...head,
    servers: [...tools.servers.values()].map(keptServer),
    agents: [...identities.agents.entries()].map(([id, agent]) => [id, keptAgent(agent)]),
    credentials: [...identities.credentials.entries()].map(([sha, one]) => [
      sha,
      { ...habitsOf(one), agents: one.agents },
    ]),
    chains: [...identities.chains.entries()].map(([chain]) => chain),
    privileges: [...identities.privileges.entries()].map(([key]) => key),
    failures: { ...failures.usual },
    peps: [...peps.peps.values()].map(({ source, events, longestGapMs, hasHeartbeat, calls, decided, lastMs }) => ({
      source,
      events,
      longestGapMs,
      hasHeartbeat,
      calls,
      decided,
      lastMs,
    })),
  }
}

function keptServer({ server, url, firstMs, lastMs, tools }: ServerRecord): KeptServer {
  return { server, url, firstMs, lastMs, tools: [...tools.values()].map(keptTool) }
}

function keptTool({ tool, firstMs, lastMs, versions }: ToolRecord): KeptTool {
  return {
    tool,
    firstMs,
    lastMs,
    versions: versions.map((one) => ({
      digest: one.digest,
      schemaSha: one.schemaSha,
      descriptionSha: one.descriptionSha,
      description: one.description,
      schema: one.schema,
      annotations: one.annotations,
      release: one.release,
      firstMs: one.firstMs,
      lastMs: one.lastMs,
      sightings: one.sightings,
      clients: one.clients,
    })),
  }
}

function habitsOf({ networks, countries, clients }: Habits): KeptHabits {
  return { networks, countries, clients }
}

function keptAgent(agent: AgentRecord): KeptAgent {
  return { ...habitsOf(agent), credentials: agent.credentials, scopes: agent.scopes, role: agent.role }
}

/** Adds what history vouches for to what was seen here; nothing that was seen is lost. Safe to call twice. */
export function absorb(fleet: TenantFleet, snapshot: FleetSnapshot): void {
  fleet.isVouched = true
  for (const server of snapshot.servers) absorbServer(fleet, server)
  for (const [id, kept] of snapshot.agents) absorbAgent(fleet, id, kept)
  for (const [sha, kept] of snapshot.credentials) absorbCredential(fleet, sha, kept, snapshot.toMs)
  for (const chain of snapshot.chains) fleet.identities.learnChain(chain)
  for (const key of snapshot.privileges) fleet.identities.privileges.set(key, true)
  Object.assign(fleet.failures.usual, snapshot.failures)
  for (const kept of snapshot.peps) {
    const pep = fleet.peps.pepOf(kept.source, kept.lastMs)
    pep.events = Math.max(pep.events, kept.events)
    pep.longestGapMs = Math.max(pep.longestGapMs, kept.longestGapMs)
    pep.hasHeartbeat ||= kept.hasHeartbeat
    pep.calls = Math.max(pep.calls, kept.calls)
    pep.decided = Math.max(pep.decided, kept.decided)
  }
}

function absorbServer(fleet: TenantFleet, kept: KeptServer): void {
  const { tools } = fleet
  const server = tools.servers.get(kept.server) ?? tools.add(kept.server, kept.firstMs, kept.url)
  server.isLearnt = true
  server.firstMs = Math.min(server.firstMs, kept.firstMs)
  server.lastMs = Math.max(server.lastMs, kept.lastMs)
  server.url ??= kept.url
  for (const tool of kept.tools) {
    const record = tools.recordOf(kept.server, tool.tool, tool.firstMs)
    if (record === undefined) continue
    record.firstMs = Math.min(record.firstMs, tool.firstMs)
    record.lastMs = Math.max(record.lastMs, tool.lastMs)
    for (const version of tool.versions) {
      absorbVersion(record, version)
      if (version.clients.length > 0) fleet.hasLearntLists = true
    }
  }
}

function absorbVersion(record: ToolRecord, kept: KeptVersion): void {
  const known = record.versions.find((one) => one.digest === kept.digest)
  if (known !== undefined) {
    known.isLearnt = true
    return
  }
  // What history vouches for is not looked at again for what it asks of the model.
  const version: VersionRecord = {
    schemaSha: undefined,
    descriptionSha: undefined,
    description: undefined,
    schema: undefined,
    release: undefined,
    ...kept,
    clients: [...kept.clients],
    isLearnt: true,
    concerns: [],
    changes: [],
  }
  record.versions.push(version)
  record.versions.sort((a, b) => a.firstMs - b.firstMs)
  if (record.current === undefined || record.current.lastMs < version.lastMs) record.current = version
}

function absorbAgent({ identities }: TenantFleet, id: string, kept: KeptAgent): void {
  const agent =
    identities.agents.get(id) ??
    identities.agents.set(id, {
      networks: [],
      countries: [],
      clients: [],
      credentials: [],
      scopes: [],
      role: kept.role,
      isLearnt: true,
      // No event looks like this one, so the first of each agent is looked up.
      last: { credential: '', ip: '', country: '', client: '', chain: '' },
    })
  agent.isLearnt = true
  merge(agent, kept)
  for (const one of kept.credentials) remember(agent.credentials, one, KEPT)
  for (const one of kept.scopes) remember(agent.scopes, one, KEPT)
  for (const network of kept.networks) {
    const there = identities.networks.get(network) ?? identities.networks.set(network, [])
    remember(there, id, KEPT)
  }
}

const KEPT = 64

function absorbCredential({ identities }: TenantFleet, sha: string, kept: KeptCredential, toMs: number): void {
  const credential: CredentialRecord =
    identities.credentials.get(sha) ?? identities.credentials.set(sha, newCredential(toMs))
  credential.isLearnt = true
  merge(credential, kept)
  for (const agent of kept.agents) remember(credential.agents, agent, KEPT)
}

function merge(habits: Habits, kept: KeptHabits): void {
  for (const name of ['networks', 'countries', 'clients'] as const)
    for (const one of kept[name]) remember(habits[name], one, KEPT)
}
