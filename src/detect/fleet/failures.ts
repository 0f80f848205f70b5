import type { AuthNews, ToolEvent } from '../../model/index.ts'
import { BoundedMap } from './bounded.ts'
import { networkOf } from './identity.ts'

/** Failures are counted within this time of each other. */
export const AUTH_WINDOW_MS = 30 * 60_000
const MAX_KEYS = 20_000
/** failures kept of one key: more say nothing new */
const MAX_FAILURES = 256

interface Failure {
  readonly timeMs: number
  readonly agent: string
  readonly credential: string | undefined
}

/** The highest counts of one window, as history has them. */
export interface UsualFailures {
  ofOne: number
  agentsTried: number
  agentsFailing: number
}

/** How authentication goes in one tenant: failures by agent, credential and network within a window of event time. */
export class FailureBook {
  readonly usual: UsualFailures = { ofOne: 0, agentsTried: 0, agentsFailing: 0 }
  private readonly byAgent = new BoundedMap<string, Failure[]>(MAX_KEYS)
  private readonly byCredential = new BoundedMap<string, Failure[]>(MAX_KEYS)
  private readonly byNetwork = new BoundedMap<string, Failure[]>(MAX_KEYS)
  private readonly all: Failure[] = []

  /** Undefined for an event that says nothing of authentication, and for a success that no failure went before. */
  enter({ data, timeMs }: ToolEvent): AuthNews | undefined {
    const { auth } = data
    if (auth === undefined) return undefined
    const isFailure = auth.outcome === 'failure'
    if (!isFailure && auth.outcome !== 'success') return undefined
    if (!isFailure && this.all.length === 0) return undefined
    const agent = data.agent.id
    const credential = auth.credential_sha256
    const network = networkOf(data.session.client_ip)
    if (isFailure) this.add({ timeMs, agent, credential }, network)
    const since = timeMs - AUTH_WINDOW_MS
    const ofAgent = recent(this.byAgent.get(agent), since)
    const ofCredential = recent(credential === undefined ? undefined : this.byCredential.get(credential), since)
    const ofNetwork = recent(network === undefined ? undefined : this.byNetwork.get(network), since)
    if (!isFailure && ofAgent.length + ofCredential.length + ofNetwork.length === 0) return undefined
    return {
      outcome: isFailure ? 'failure' : 'success',
      ofAgent: ofAgent.length,
      ofCredential: ofCredential.length,
      ofNetwork: ofNetwork.length,
      agentsTried: distinct(ofNetwork, (one) => one.agent),
      credentialsTried: Math.max(
        distinct(ofNetwork, (one) => one.credential),
        distinct(ofAgent, (one) => one.credential),
      ),
      agentsFailing: distinct(recent(this.all, since), (one) => one.agent),
      usual: { ...this.usual },
    }
  }

  /** What history reached: the next window is measured by it. */
  learn(news: AuthNews): void {
    const { usual } = this
    usual.ofOne = Math.max(usual.ofOne, news.ofAgent, news.ofCredential)
    usual.agentsTried = Math.max(usual.agentsTried, news.agentsTried)
    usual.agentsFailing = Math.max(usual.agentsFailing, news.agentsFailing)
  }

  private add(failure: Failure, network: string | undefined): void {
    push(this.byAgent, failure.agent, failure)
    if (failure.credential !== undefined) push(this.byCredential, failure.credential, failure)
    if (network !== undefined) push(this.byNetwork, network, failure)
    this.all.push(failure)
    if (this.all.length > 4 * MAX_FAILURES) this.all.splice(0, MAX_FAILURES)
  }
}

function push(map: BoundedMap<string, Failure[]>, key: string, failure: Failure): void {
  const list = map.get(key) ?? map.set(key, [])
  map.touch(key)
  list.push(failure)
  if (list.length > MAX_FAILURES) list.shift()
}

const NONE: readonly Failure[] = []

function recent(list: readonly Failure[] | undefined, since: number): readonly Failure[] {
  return list === undefined ? NONE : list.filter(({ timeMs }) => timeMs > since)
}

function distinct(failures: readonly Failure[], of: (one: Failure) => string | undefined): number {
  const seen = new Set<string>()
  for (const one of failures) {
    const value = of(one)
    if (value !== undefined) seen.add(value)
  }
  return seen.size
}
