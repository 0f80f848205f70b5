import type { EventData, IdentityNews, NewChain, ToolEvent } from '../../model/index.ts'
import { BoundedMap, remember } from './bounded.ts'

const MAX_AGENTS = 100_000
const MAX_CREDENTIALS = 100_000
/** of each kind, of one agent or credential */
const PLACES_KEPT = 16
const OWNERS_KEPT = 8
const SCOPES_KEPT = 64
const CHAINS_KEPT = 512
/** within this time one credential cannot be in two countries, nor go back and forth between two networks */
const TRAVEL_MS = 60 * 60_000

/** Where someone comes from; what an event does not state is undefined and never new. */
interface Place {
  readonly network: string | undefined
  readonly country: string | undefined
  readonly client: string | undefined
}

export interface Habits {
  readonly networks: string[]
  readonly countries: string[]
  readonly clients: string[]
}

export interface AgentRecord extends Habits {
  readonly credentials: string[]
  readonly scopes: string[]
  role: string
  isLearnt: boolean
  /** the parts of its last event as they came, so that the next one like it needs no look-up */
  readonly last: {
    credential: string | undefined
    ip: string | undefined
    country: string | undefined
    client: string | undefined
    chain: string
  }
}

export interface CredentialRecord extends Habits {
  readonly agents: string[]
  isLearnt: boolean
  lastMs: number
  lastNetwork: string | undefined
  lastCountry: string | undefined
  /** the network before the last one, and when it was used last */
  earlierNetwork: string | undefined
  earlierMs: number
}

/** Who comes with which credential from where, of one tenant. */
export class IdentityBook {
  readonly agents = new BoundedMap<string, AgentRecord>(MAX_AGENTS)
  readonly credentials = new BoundedMap<string, CredentialRecord>(MAX_CREDENTIALS)
  /** agents by network that history vouches for */
  readonly networks = new BoundedMap<string, string[]>(MAX_CREDENTIALS)
  readonly chains = new BoundedMap<string, true>(CHAINS_KEPT)
  readonly members = new BoundedMap<string, true>(MAX_AGENTS)
  readonly privileges = new BoundedMap<string, true>(MAX_AGENTS)
  deepestChain = 0

  /** Undefined on the quiet path: the agent as it was a moment ago. A failed authentication proves nothing and adds nothing. */
  enter(event: ToolEvent): IdentityNews | undefined {
    const { data } = event
    const agent = this.agents.get(data.agent.id)
    const credential = data.auth?.credential_sha256
    const chain = data.agent.chain === undefined ? '' : chainOf(data)
    if (agent !== undefined && isAsBefore(agent, data, credential, chain)) return undefined
    if (data.auth?.outcome === 'failure') return undefined
    const place = {
      network: networkOf(data.session.client_ip),
      country: data.env?.country,
      client: data.agent.framework,
    }
    const known = agent ?? this.agents.set(data.agent.id, newAgent(data))
    const news = this.newsOf(event, known, agent?.isLearnt === true, place, credential, chain)
    this.learn(event, known, place, credential, chain)
    return isNothing(news) ? undefined : news
  }

  private newsOf(
    event: ToolEvent,
    agent: AgentRecord,
    isKnownAgent: boolean,
    place: Place,
    credential: string | undefined,
    chain: string,
  ): IdentityNews {
    const { data } = event
    const record = credential === undefined ? undefined : this.credentials.get(credential)
    const habits = record?.isLearnt === true ? record : agent
    const isOwner = record?.agents.includes(data.agent.id) ?? false
    return {
      isKnownAgent,
      newCredential: credential !== undefined && !agent.credentials.includes(credential) ? credential : undefined,
      ownedBy: record?.isLearnt === true && !isOwner ? [...record.agents] : [],
      newNetwork: unusual(habits.networks, place.network),
      newCountry: unusual(habits.countries, place.country),
      newClient: unusual(habits.clients, place.client),
      usual: { networks: [...habits.networks], countries: [...habits.countries], clients: [...habits.clients] },
      elsewhere: record === undefined ? undefined : elsewhere(record, place, event.timeMs),
      neighbours: this.neighboursIn(place.network, data.agent.id),
      newScopes: this.newScopes(data, agent),
      newChain: chain === '' || this.chains.get(chain) ? undefined : this.chainNews(chain),
    }
  }

  learn(event: ToolEvent, agent: AgentRecord, place: Place, credential: string | undefined, chain: string): void {
    const { data } = event
    add(agent, place)
    agent.role = data.agent.role ?? data.agent.id
    for (const scope of data.auth?.scopes ?? []) {
      remember(agent.scopes, scope, SCOPES_KEPT)
      this.privileges.set(`${agent.role}\u001f${scope}`, true)
    }
    if (place.network !== undefined)
      remember(this.networks.get(place.network) ?? this.networks.set(place.network, []), data.agent.id, OWNERS_KEPT)
    if (chain !== '') this.learnChain(chain)
    const { last } = agent
    last.ip = data.session.client_ip
    last.country = data.env?.country
    last.client = data.agent.framework
    last.chain = chain
    if (credential === undefined) return
    last.credential = credential
    remember(agent.credentials, credential, PLACES_KEPT)
    const record = this.credentials.get(credential) ?? this.credentials.set(credential, newCredential(event.timeMs))
    remember(record.agents, data.agent.id, OWNERS_KEPT)
    add(record, place)
    if (place.network !== undefined && place.network !== record.lastNetwork) {
      record.earlierNetwork = record.lastNetwork
      record.earlierMs = record.lastMs
    }
    record.lastNetwork = place.network ?? record.lastNetwork
    record.lastCountry = place.country ?? record.lastCountry
    record.lastMs = event.timeMs
  }

  /** A scope that neither the agent nor anyone of its role was given before. */
  private newScopes({ auth, agent: { role, id } }: EventData, agent: AgentRecord): readonly string[] {
    if (auth?.scopes === undefined || agent.scopes.length === 0) return NONE
    const fresh = auth.scopes.filter(
      (scope) => !agent.scopes.includes(scope) && !this.privileges.get(`${role ?? id}\u001f${scope}`),
    )
    return fresh.length === 0 ? NONE : fresh.slice(0, PLACES_KEPT)
  }

  private neighboursIn(network: string | undefined, agent: string): number {
    const there = network === undefined ? undefined : this.networks.get(network)
    if (there === undefined) return 0
    return there.includes(agent) ? there.length - 1 : there.length
  }

  private chainNews(chain: string): NewChain {
    const members = chain.split(LINK)
    const strangers = members.filter((member) => !this.members.get(member) && !this.agents.get(member))
    return { chain: members, strangers, isLoop: new Set(members).size < members.length, deepest: this.deepestChain }
  }

  learnChain(chain: string): void {
    const members = chain.split(LINK)
    this.chains.set(chain, true)
    this.deepestChain = Math.max(this.deepestChain, members.length)
    for (const member of members) this.members.set(member, true)
  }
}

function isNothing(news: IdentityNews): boolean {
  return (
    news.newCredential === undefined &&
    news.newNetwork === undefined &&
    news.newCountry === undefined &&
    news.newClient === undefined &&
    news.ownedBy.length === 0 &&
    news.elsewhere === undefined &&
    news.newScopes.length === 0 &&
    news.newChain === undefined
  )
}

const NONE: readonly string[] = []
const LINK = ' > '

function isAsBefore(agent: AgentRecord, data: EventData, credential: string | undefined, chain: string): boolean {
  const { last } = agent
  return (
    last.ip === data.session.client_ip &&
    last.country === data.env?.country &&
    last.client === data.agent.framework &&
    (credential === undefined || last.credential === credential) &&
    last.chain === chain &&
    data.auth?.scopes === undefined
  )
}

/** Agents and services that a call passes through; users at either end come and go. */
function chainOf({ agent: { chain = [] } }: EventData): string {
  let text = ''
  for (const { id, kind } of chain) {
    if (kind === 'user') continue
    text = text === '' ? id : text + LINK + id
  }
  return text
}

/** /24 of an IPv4 address, /48 of an IPv6 one: what changes when a host moves, not when it is given another lease. */
export function networkOf(ip: string | undefined): string | undefined {
  if (ip === undefined || ip === '') return undefined
  const dot = ip.lastIndexOf('.')
  if (dot > 0 && !ip.includes(':')) return `${ip.slice(0, dot)}.0/24`
  const groups = ip.split(':')
  return groups.length < 3 ? ip : `${groups.slice(0, 3).join(':')}::/48`
}

/** Nothing is unusual for one of whom nothing is known. */
function unusual(known: readonly string[], value: string | undefined): string | undefined {
  return value === undefined || known.length === 0 || known.includes(value) ? undefined : value
}

/** The other place where the credential is in use at the same time. */
function elsewhere(record: CredentialRecord, { network, country }: Place, nowMs: number): IdentityNews['elsewhere'] {
  const agoMs = nowMs - record.lastMs
  if (agoMs > TRAVEL_MS || agoMs < 0) return undefined
  if (country !== undefined && record.lastCountry !== undefined && country !== record.lastCountry)
    return { place: record.lastCountry, agoMs }
  if (network === undefined || record.lastNetwork === undefined || network === record.lastNetwork) return undefined
  // There and back again: both are in use.
  if (record.earlierNetwork === network && nowMs - record.earlierMs <= TRAVEL_MS)
    return { place: record.lastNetwork, agoMs }
  return undefined
}

function add(habits: Habits, { network, country, client }: Place): void {
  if (network !== undefined) remember(habits.networks, network, PLACES_KEPT)
  if (country !== undefined) remember(habits.countries, country, PLACES_KEPT)
  if (client !== undefined) remember(habits.clients, client, PLACES_KEPT)
}

export function newAgent({ agent: { role, id } }: EventData): AgentRecord {
  return {
    networks: [],
    countries: [],
    clients: [],
    credentials: [],
    scopes: [],
    role: role ?? id,
    isLearnt: false,
    last: { credential: undefined, ip: undefined, country: undefined, client: undefined, chain: '' },
  }
}

export function newCredential(timeMs: number): CredentialRecord {
  return {
    networks: [],
    countries: [],
    clients: [],
    agents: [],
    isLearnt: false,
    lastMs: timeMs,
    lastNetwork: undefined,
    lastCountry: undefined,
    earlierNetwork: undefined,
    earlierMs: Number.NEGATIVE_INFINITY,
  }
}
