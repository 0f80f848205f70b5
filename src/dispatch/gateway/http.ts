import type { Lease, Level, Order, TargetKind } from '../../model/index.ts'
import type { Delivery, Gateway } from '../gateway.ts'
import { readStatus } from './acknowledgement.ts'
import { type Answer, Exchange, GatewayConfigError, gatewayUrl, unanswered } from './exchange.ts'
import { checkTemplate, type Proof, type RequestTemplate, renderTemplate, TemplateError } from './template.ts'

/** What is asked of an HTTP API for orders of these levels on these kinds of target. */
export interface HttpAction {
  readonly levels: ReadonlySet<Level>
  readonly targets: ReadonlySet<TargetKind>
  readonly apply: RequestTemplate
  /** absent: what was applied cannot be taken back by this API */
  readonly release?: RequestTemplate
}

export interface HttpGatewayOptions {
  readonly name: string
  readonly allowPrivate: boolean
  readonly secret?: string
  /** the first that fits an order is its action */
  readonly actions: readonly HttpAction[]
  readonly ping?: RequestTemplate
  /** default 3,000 */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 3_000
const MAX_ANSWER_BYTES = 262_144

/** Any HTTP API, by requests that an operator wrote down. All of them go to one origin. */
export class HttpGateway implements Gateway {
  readonly name: string
  readonly keepsUntilReleased = true
  private readonly options: HttpGatewayOptions
  private readonly exchange: Exchange
  private readonly now: () => number

  /** Throws GatewayConfigError. */
  constructor(options: HttpGatewayOptions, now: () => number) {
    this.name = options.name
    this.options = options
    this.now = now
    const { name, allowPrivate, actions, ping, timeoutMs = TIMEOUT_MS } = options
    const templates = [...actions.flatMap(({ apply, release }) => [apply, release]), ping].filter(
      (one) => one !== undefined,
    )
    for (const template of templates) checkTemplate(name, template)
    const [first, ...others] = templates.map(({ url }) => gatewayUrl(name, url, allowPrivate))
    if (first === undefined) throw new GatewayConfigError(`gateway ${name} has no action; say what it is asked for`)
    for (const { origin } of others)
      if (origin !== first.origin)
        throw new GatewayConfigError(`gateway ${name} is of ${first.origin} and of ${origin}; make two of it`)
    this.exchange = new Exchange(first, { allowPrivate, timeoutMs, maxBytes: MAX_ANSWER_BYTES })
  }

  cannot({ level, target }: Order): string | undefined {
    return this.actionFor(level, target.kind) === undefined
      ? `it has no action for ${level} of a ${target.kind}`
      : undefined
  }

  async deliver(change: 'apply' | 'release' | 'ping', lease: Lease): Promise<Delivery> {
    const { level, target } = lease.order
    const template = change === 'ping' ? this.options.ping : this.actionFor(level, target.kind)?.[change]
    if (template === undefined)
      return { kind: 'acknowledged', status: 'unsupported', detail: `it has no request for ${change}` }
    try {
      return this.read(await this.exchange.call(renderTemplate(template, lease, this.options.secret)), template.proof)
    } catch (error) {
      if (error instanceof TemplateError) return { kind: 'acknowledged', status: 'unsupported', detail: error.message }
      return unanswered(error)
    }
  }

  close(): void {
    this.exchange.close()
  }

  private actionFor(level: Level, kind: TargetKind): HttpAction | undefined {
    return this.options.actions.find(({ levels, targets }) => levels.has(level) && targets.has(kind))
  }

  private read(answer: Answer, proof: Proof | undefined): Delivery {
    const failed = readStatus(answer, this.now())
    if (failed !== undefined) return failed
    if (proof !== undefined && memberAt(answer.body, proof.pointer) !== proof.equals)
      return {
        kind: 'refused',
        why: `answered ${answer.status}, but ${proof.pointer} is not ${JSON.stringify(proof.equals)}`,
      }
    return { kind: 'acknowledged', status: 'applied' }
  }
}

function memberAt(body: string | undefined, pointer: string): unknown {
  try {
    let at: unknown = JSON.parse(body ?? '')
    for (const part of pointer.split('/').slice(1)) {
      const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
      at = (at as Readonly<Record<string, unknown>>)[name]
    }
    return at
  } catch {
    // Not JSON, so it has no such member.
    return undefined
  }
}
