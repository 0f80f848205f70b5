import type { Backlog, Waiting } from './backlog.ts'
import { Circuit, type CircuitState } from './circuit.ts'
import { type Clock, pause } from './clock.ts'
import { type Filter, wants } from './filter.ts'
import { messageOf } from './message.ts'
import type { Notice } from './notice.ts'
import { Pace } from './pace.ts'
import type { Redactable } from './redact.ts'
import type { Product, Shape } from './shape.ts'
import { type Message, retry, type Sent, type Wire } from './wire.ts'

/** Where notices go, in which shape and by which wire, and what of them. */
export interface DestinationPlan {
  readonly name: string
  readonly shape: Shape
  readonly wire: Wire
  readonly filter: Filter
  readonly redact: ReadonlySet<Redactable>
  /** messages a second at most; absent: as fast as the receiver takes them */
  readonly perSecond?: number
}

/** Told what happens, for metrics and logs. Must not throw. */
export interface ForwardObserver {
  /** `lagMs`: from being put to being taken, of the oldest of them */
  sent(destination: string, count: number, lagMs: number): void
  failed(destination: string, why: string, failuresInARow: number): void
  buried(destination: string, id: string, why: string): void
  /** given up, because it waited for longer than findings are kept */
  expired(destination: string, count: number): void
}

export interface DestinationParts {
  readonly backlog: Backlog
  readonly clock: Clock
  readonly product: Product
  /** key of the pseudonyms */
  readonly redactionKey: Uint8Array
  /** uniform in [0, 1) */
  readonly random: () => number
  readonly observe: ForwardObserver
}

/** A notice on its way: as it waits in the backlog, and as the receiver will see it. */
interface Item {
  readonly waiting: Waiting
  readonly message: Message
}

/** What is read ahead of one destination: bounds its memory. */
const MAX_READ_BYTES = 4 * 1024 * 1024
const MAX_WHY = 500
const GRACE_MS = 2_000

/**
 * Sends what the backlog holds for one destination, in order, one batch at a time. A batch that fails is sent again
 * until it is taken; a message that the receiver refuses for itself is buried, and the rest goes on.
 */
export class Destination {
  readonly plan: DestinationPlan
  private readonly parts: DestinationParts
  private readonly circuit: Circuit
  private readonly pace: Pace | undefined

  constructor(plan: DestinationPlan, parts: DestinationParts) {
    this.plan = plan
    this.parts = parts
    this.circuit = new Circuit(parts.random)
    this.pace = plan.perSecond === undefined ? undefined : new Pace(plan.perSecond, parts.clock.now())
  }

  get state(): CircuitState {
    return this.circuit.state
  }

  /** Works until `signal` aborts. What was sent and not marked then is sent again by the next start. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const woken = this.nextPut(signal)
      const sentAny = (await this.sendRevived(signal)) || (await this.sendWaiting(signal))
      if (!sentAny) await woken.promise
      woken.cancel()
    }
  }

  /** False when nothing waits. */
  private async sendWaiting(signal: AbortSignal): Promise<boolean> {
    const { name, wire } = this.plan
    const { backlog } = this.parts
    const waiting = backlog.read(name, wire.maxBatch, MAX_READ_BYTES)
    const last = waiting.at(-1)
    if (last === undefined) return false
    const items = waiting.flatMap((one) => this.itemOf(one))
    if (await this.sendAll(items, signal, ({ waiting: one }, why) => this.bury(one, why))) backlog.pass(name, last.seq)
    return true
  }

  /** Dead notices that somebody asked to send again; refused once more, they stay dead. */
  private async sendRevived(signal: AbortSignal): Promise<boolean> {
    const { name, wire } = this.plan
    const { backlog } = this.parts
    const waiting = backlog.revived(name, Math.min(wire.maxBatch, MAX_REVIVED))
    if (waiting.length === 0) return false
    // A notice that the filter lets through no more is not wanted any more.
    const items = waiting.flatMap((one) => this.itemOf(one))
    const refused = new Set<string>()
    const done = await this.sendAll(items, signal, (item, why) => {
      refused.add(item.waiting.id)
      this.bury(item.waiting, why)
    })
    if (done) for (const { id } of waiting) if (!refused.has(id)) backlog.forget(name, id)
    return true
  }

  /** True when each item was taken or buried; false when stopped before that. */
  private async sendAll(
    items: readonly Item[],
    signal: AbortSignal,
    bury: (item: Item, why: string) => void,
  ): Promise<boolean> {
    let left = items
    while (left.length > 0) {
      const batch = await this.nextBatch(left, signal)
      if (signal.aborted) return false
      left = [...(await this.trySend(batch, signal, bury)), ...left.slice(batch.length)]
    }
    return true
  }

  /** Sends a batch once; what has to be sent again comes back, after the wait that the failure asks for. */
  private async trySend(
    batch: readonly Item[],
    signal: AbortSignal,
    bury: (item: Item, why: string) => void,
  ): Promise<readonly Item[]> {
    const sent = await this.send(batch, signal)
    if (sent.kind === 'retry') {
      await this.wait(sent.why, sent.afterMs, signal)
      return batch
    }
    if (sent.kind === 'refused') {
      this.circuit.succeeded()
      return this.divide(batch, sent.why, signal, bury)
    }
    const again: Item[] = []
    let taken = 0
    let why = ''
    for (const [at, item] of batch.entries()) {
      const fate = sent.fates[at]
      if (fate?.kind === 'taken') taken++
      else if (fate?.kind === 'refused') bury(item, fate.why)
      else {
        again.push(item)
        why = fate?.why ?? 'not answered for'
      }
    }
    if (taken > 0) this.parts.observe.sent(this.plan.name, taken, this.lagOf(batch))
    if (again.length < batch.length) this.circuit.succeeded()
    if (again.length > 0) await this.wait(why, undefined, signal)
    return again
  }

  /** What is on its way when the process stops has a moment to be answered; if it is not, it is sent again later. */
  private send(batch: readonly Item[], signal: AbortSignal): Promise<Sent> {
    const { clock } = this.parts
    return new Promise((resolve) => {
      let cancel = () => {}
      const settle = (sent: Sent) => {
        cancel()
        signal.removeEventListener('abort', stop)
        resolve(sent)
      }
      const stop = () => {
        cancel = clock.after(GRACE_MS, () => settle(retry('stopped before it was answered')))
      }
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      this.plan.wire.send(batch.map(({ message }) => message)).then(settle, (error: unknown) => settle(retry(error)))
    })
  }

  /** A batch that is refused as a whole is halved until the message is found that is meant. */
  private async divide(
    batch: readonly Item[],
    why: string,
    signal: AbortSignal,
    bury: (item: Item, why: string) => void,
  ): Promise<readonly Item[]> {
    const [only] = batch
    if (batch.length <= 1) {
      if (only !== undefined) bury(only, why)
      return []
    }
    const half = Math.ceil(batch.length / 2)
    const left = await this.trySend(batch.slice(0, half), signal, bury)
    // In order: the second half goes only when nothing of the first has to come again.
    return left.length > 0 ? [...left, ...batch.slice(half)] : this.trySend(batch.slice(half), signal, bury)
  }

  private async nextBatch(left: readonly Item[], signal: AbortSignal): Promise<readonly Item[]> {
    const allowed = this.circuit.allows(left.length)
    if (this.pace === undefined) return left.slice(0, allowed)
    for (;;) {
      const { granted, waitMs } = this.pace.take(allowed, this.parts.clock.now())
      if (granted > 0 || signal.aborted) return left.slice(0, granted)
      await pause(this.parts.clock, waitMs, signal)
    }
  }

  private async wait(why: string, afterMs: number | undefined, signal: AbortSignal): Promise<void> {
    const waitMs = this.circuit.failed(afterMs)
    this.parts.observe.failed(this.plan.name, why, this.circuit.failuresInARow)
    await pause(this.parts.clock, waitMs, signal)
  }

  private bury(waiting: Waiting, why: string): void {
    const { backlog, clock, observe } = this.parts
    const cut = why.slice(0, MAX_WHY)
    backlog.bury(this.plan.name, waiting, cut, clock.now())
    observe.buried(this.plan.name, waiting.id, cut)
  }

  /** None when the destination does not want it. What cannot be read as a notice is kept where people see it. */
  private itemOf(waiting: Waiting): readonly Item[] {
    try {
      const notice = JSON.parse(waiting.body) as Notice
      return wants(this.plan.filter, notice)
        ? [{ waiting, message: messageOf(notice, waiting.id, { plan: this.plan, ...this.parts }) }]
        : []
    } catch (error) {
      this.bury(waiting, `it is not a notice of Belay: ${error instanceof Error ? error.message : String(error)}`)
      return []
    }
  }

  private lagOf(batch: readonly Item[]): number {
    return this.parts.clock.now() - Math.min(...batch.map(({ waiting }) => waiting.putMs))
  }

  /** Armed before the backlog is read, so that nothing put meanwhile is missed. */
  private nextPut(signal: AbortSignal): { readonly promise: Promise<void>; readonly cancel: () => void } {
    let cancel = () => {}
    const promise = new Promise<void>((resolve) => {
      const woken = () => resolve()
      const unsubscribe = this.parts.backlog.onPut(woken)
      signal.addEventListener('abort', woken)
      cancel = () => {
        unsubscribe()
        signal.removeEventListener('abort', woken)
        woken()
      }
      if (signal.aborted) resolve()
    })
    return { promise, cancel }
  }
}

const MAX_REVIVED = 100
