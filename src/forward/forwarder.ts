import type { Finding, Judged } from '../model/index.ts'
import type { Backlog, DeadNotice, Depth } from './backlog.ts'
import type { CircuitState } from './circuit.ts'
import { pause } from './clock.ts'
import { Destination, type DestinationParts, type DestinationPlan } from './destination.ts'
import { type Notice, type NoticeKind, noticeId, noticesOf } from './notice.ts'

/**
 * Takes notices durably for every destination. The pipeline calls it once per batch, after the store's write and before
 * the source is acknowledged. Durable when it resolves; idempotent by the notice's id, so a batch may come again.
 */
export interface NoticeSink {
  put(notices: readonly Notice[]): Promise<void>
}

/** A notice under its id, as it travels between processes and waits on disk. */
export interface Parcel {
  readonly id: string
  readonly body: string
}

export function parcelOf(notice: Notice): Parcel {
  return { id: noticeId(notice), body: JSON.stringify(notice) }
}

export interface DestinationStatus extends Depth {
  readonly name: string
  readonly circuit: CircuitState
}

const EXPIRY_SWEEP_MS = 60_000
const CLOSE_MS = 2_000

export interface ForwarderParts extends Omit<DestinationParts, 'backlog'> {
  readonly backlog: Backlog
  /** what has waited, or lain dead, for longer is given up */
  readonly keepMs: number
}

/** All destinations of this process, over one backlog. */
export class Forwarder implements NoticeSink {
  private readonly parts: ForwarderParts
  private readonly destinations: ReadonlyMap<string, Destination>

  constructor(plans: readonly DestinationPlan[], parts: ForwarderParts) {
    this.parts = parts
    this.destinations = new Map(plans.map((plan) => [plan.name, new Destination(plan, parts)]))
    parts.backlog.open(plans.map(({ name }) => name))
  }

  put(notices: readonly Notice[]): Promise<void> {
    return this.take(notices.map(parcelOf))
  }

  async take(parcels: readonly Parcel[]): Promise<void> {
    this.parts.backlog.put(parcels, this.parts.clock.now())
  }

  /** Sends until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const cancel = this.sweep()
    await Promise.all([...this.destinations.values()].map((destination) => destination.run(signal)))
    cancel()
  }

  status(): readonly DestinationStatus[] {
    return [...this.destinations].map(([name, { state }]) => ({
      name,
      circuit: state,
      ...this.parts.backlog.depth(name),
    }))
  }

  has(name: string): boolean {
    return this.destinations.has(name)
  }

  dead(name: string, limit: number): readonly DeadNotice[] {
    return this.parts.backlog.dead(name, limit)
  }

  /** Sends dead notices again: these, or all of the destination. Says how many. */
  replay(name: string, ids?: readonly string[]): number {
    return this.parts.backlog.revive(name, ids)
  }

  /** After `run` has ended. */
  async close(): Promise<void> {
    const closing = [...this.destinations.values()].map(({ plan }) => plan.wire.close())
    // A client that waits for a broker that is down must not hold up the end of the process.
    await Promise.race([Promise.allSettled(closing), pause(this.parts.clock, CLOSE_MS, new AbortController().signal)])
    this.parts.backlog.close()
  }

  private sweep(): () => void {
    const { backlog, clock, keepMs, observe } = this.parts
    let cancel = () => {}
    const again = () => {
      for (const [name, count] of backlog.expire(clock.now() - keepMs)) observe.expired(name, count)
      cancel = clock.after(EXPIRY_SWEEP_MS, again)
    }
    again()
    return () => cancel()
  }
}

/** What the pipeline sees: everything of a batch that some destination wants. */
export class NoticeDesk {
  private readonly sink: NoticeSink
  private readonly wanted: ReadonlySet<NoticeKind>

  constructor(sink: NoticeSink, wanted: ReadonlySet<NoticeKind>) {
    this.sink = sink
    this.wanted = wanted
  }

  async enqueue(judged: readonly Judged[]): Promise<void> {
    const notices = noticesOf(judged, this.wanted)
    if (notices.length > 0) await this.sink.put(notices)
  }

  /** Findings that no event of the stream made: what Belay says of its own containments, and what analysts say. */
  async tell(findings: readonly Finding[]): Promise<void> {
    if (!this.wanted.has('findings') || findings.length === 0) return
    await this.sink.put(
      // No baseline judged what Belay says of a containment.
      findings.map((finding) => ({
        kind: 'finding',
        finding,
        by: finding.baseline === '' ? 'belay' : 'unknown',
        scene: {},
      })),
    )
  }
}
