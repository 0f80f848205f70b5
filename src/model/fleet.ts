import type { Change, Definition } from './definition.ts'
import type { Concern } from './directives.ts'

/**
 * What a tenant's sessions show together: tools and servers, who comes with which credential from where, how
 * authentication goes, which PEPs speak. A fold over events in order like a session, bounded like one; what history
 * vouches for comes with the tenant's snapshot. Detectors of fleet scope read it; times are event times, Unix ms.
 */
export interface Fleet {
  /** nothing below has anything to say of this event: detectors of fleet scope are not asked */
  readonly isQuiet: boolean
  /** false while no snapshot vouches for anything: what is new then is new to us, not to the tenant */
  readonly isVouched: boolean
  /** definitions that this event shows for the first time, or again after another one; empty on the quiet path */
  readonly sightings: readonly Sighted[]
  /** the tool that this event calls, when its definition is an alarming one that history does not vouch for */
  readonly alarming: Passport | undefined
  /** the event calls a tool that is new to the whole tenant, whose definition was read and asks for nothing */
  readonly callsNewcomer: boolean
  /** the event's server, when this event is the first of it */
  readonly newServer: ServerNews | undefined
  /** texts of a server that is no tool (instructions, prompts), first time seen, with what they ask for */
  readonly texts: readonly { readonly what: string; readonly concerns: readonly Concern[] }[]
  readonly identity: IdentityNews | undefined
  readonly auth: AuthNews | undefined
  readonly silence: readonly SilentPep[]
  /** events of this session that never came, by the PEP's own count; 0 on the quiet path */
  readonly missing: number
  /** the PEP asked for decisions in its history and does not any more */
  readonly uncheckedBy: string | undefined
}

export interface Version extends Definition {
  readonly digest: string
  readonly firstMs: number
  readonly lastMs: number
  readonly concerns: readonly Concern[]
  /** agents that were shown it, at most CLIENTS_KEPT */
  readonly clients: readonly string[]
  readonly sightings: number
  /** history vouches for it */
  readonly isLearnt: boolean
  /** what is different from the version before it */
  readonly changes: readonly Change[]
}

/** Everything seen of one tool of one server. */
export interface Passport {
  readonly server: string
  readonly tool: string
  readonly firstMs: number
  readonly lastMs: number
  /** oldest first, at most VERSIONS_KEPT; the current one is the one shown last */
  readonly versions: readonly Version[]
  readonly current: Version | undefined
  /** calls by agent, at most CALLERS_KEPT agents */
  readonly callers: readonly { readonly agent: string; readonly calls: number }[]
}

/** `first`: no version was known; `changed`: another one was; `returned`: an earlier one is shown after a later one. */
export interface Sighted {
  readonly novelty: 'first' | 'changed' | 'returned'
  readonly passport: Passport
  readonly version: Version
  readonly before: Version | undefined
  readonly changes: readonly Change[]
  /** the same session was shown the version before, and the server announced no change */
  readonly isMidSession: boolean
  /** others were shown the version before after this one had appeared, or this client was shown both by turns */
  readonly isContradicted: boolean
  /** same or look-alike names on other servers */
  readonly namesakes: readonly Namesake[]
}

export interface Namesake {
  readonly server: string
  readonly tool: string
  readonly likeness: 'same' | 'confusable' | 'typo' | 'decorated'
  /** words in common of the two descriptions, 0..1; undefined where one is not known */
  readonly alike: number | undefined
  readonly isLearnt: boolean
}

export interface ServerNews {
  readonly server: string
  readonly url: string | undefined
  /** the operator's list names it; undefined where there is no list */
  readonly isRegistered: boolean | undefined
  /** known servers whose names it passes for */
  readonly passesFor: readonly { readonly server: string; readonly likeness: 'confusable' | 'typo' | 'decorated' }[]
  /** a known server with the same address */
  readonly sameAddressAs: string | undefined
}

/** What is new about who comes from where. Members are undefined or empty where nothing is new or nothing is stated. */
export interface IdentityNews {
  /** the agent is one that history vouches for */
  readonly isKnownAgent: boolean
  readonly newCredential: string | undefined
  /** agents that history knows the credential of, when this agent is not one of them */
  readonly ownedBy: readonly string[]
  readonly newNetwork: string | undefined
  readonly newCountry: string | undefined
  readonly newClient: string | undefined
  /** networks and countries that are usual for the agent or its credential */
  readonly usual: {
    readonly networks: readonly string[]
    readonly countries: readonly string[]
    readonly clients: readonly string[]
  }
  /** where the same credential was used shortly before: another country, or a network that is used by turns */
  readonly elsewhere: { readonly place: string; readonly agoMs: number } | undefined
  /** other agents that history knows in this network */
  readonly neighbours: number
  readonly newScopes: readonly string[]
  /** the chain of agents and services that it acts for, when it was never seen */
  readonly newChain: NewChain | undefined
}

export interface NewChain {
  readonly chain: readonly string[]
  /** members that were never seen as agents or in a chain */
  readonly strangers: readonly string[]
  readonly isLoop: boolean
  readonly deepest: number
}

export interface AuthNews {
  readonly outcome: 'success' | 'failure'
  /** failures in the last window, this one included: of this agent, this credential, this network */
  readonly ofAgent: number
  readonly ofCredential: number
  readonly ofNetwork: number
  /** distinct agents and distinct credentials that failed from this network in the window */
  readonly agentsTried: number
  readonly credentialsTried: number
  /** distinct agents that failed anywhere in the tenant in the window */
  readonly agentsFailing: number
  /** the highest that history has, in the same window */
  readonly usual: { readonly ofOne: number; readonly agentsTried: number; readonly agentsFailing: number }
}

export interface SilentPep {
  readonly source: string
  readonly silentMs: number
  /** the longest silence that is usual for it */
  readonly usualMs: number
}

/** What a detector sees where nothing is looked at together: a rehearsal of single sessions. */
export const QUIET_FLEET: Fleet = {
  isQuiet: true,
  isVouched: false,
  sightings: [],
  alarming: undefined,
  callsNewcomer: false,
  newServer: undefined,
  texts: [],
  identity: undefined,
  auth: undefined,
  silence: [],
  missing: 0,
  uncheckedBy: undefined,
}

export const VERSIONS_KEPT = 6
export const CLIENTS_KEPT = 16
export const CALLERS_KEPT = 32
