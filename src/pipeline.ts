import type { Batch, Source } from './accept/source.ts'
import type { Judged, Observation, Order, ToolEvent } from './model/index.ts'
import type { Store } from './store/store.ts'

/** The middle of the path: from decode to plan, reads no clock and no network. Live and replay run this same object. */
export interface Judge {
  /** Forgets sessions of these origins: another process may have moved them on since. */
  forget(origins: readonly string[]): void
  /** One store query for all sessions of these events that this process has not seen. Never rejects: counts and goes on. */
  restoreUnknown(events: readonly ToolEvent[]): Promise<void>
  /** Folds the event into its session, judges it, plans. Synchronous. A throwing detector is counted, not thrown. */
  judge(event: ToolEvent): Judged
}

/** Takes orders durably: opens their leases and queues their delivery. Idempotent by order id. */
export interface OrderDesk {
  place(orders: readonly Order[]): Promise<void>
  /** What the stream shows of containments; durable when it resolves. Idempotent. */
  observed(observations: readonly Observation[]): Promise<void>
}

/** Looks in the stream for whether containments hold. Synchronous, reads no clock. */
export interface Watch {
  see(events: readonly ToolEvent[]): readonly Observation[]
}

/** Takes what people and SIEMs are told durably, for every destination. Idempotent: a batch may come again. */
export interface Notices {
  enqueue(judged: readonly Judged[]): Promise<void>
}

export type Effect = 'orders' | 'store' | 'forward' | 'acknowledge'

/** Told what happened, for metrics and logs. Must not throw. */
export interface PipelineObserver {
  judged(judged: readonly Judged[], tookMs: number): void
  done(effect: Effect, events: number, tookMs: number): void
  /** the effect is tried again until it succeeds or the pipeline stops */
  failed(effect: Effect, error: unknown, attempt: number): void
}

export interface PipelineParts {
  readonly source: Source
  readonly judge: Judge
  readonly desk: OrderDesk
  readonly watch: Watch
  /** told of every batch once its orders are durable: what PEPs that wait for a verdict are told. Must not throw. */
  readonly verdicts?: { tell(judged: readonly Judged[]): void }
  readonly store: Pick<Store, 'write'>
  /** absent where nothing is forwarded */
  readonly notices?: Notices
  readonly observe: PipelineObserver
  readonly clock: { now(): number; sleep(ms: number, signal: AbortSignal): Promise<void> }
  /** events judged and ordered but not stored yet; beyond it the source is not pulled, so memory stays bounded */
  readonly maxUnstored: number
}

/**
 * The whole path. Effects of a batch happen in one order: orders are durable first, so that containment never waits
 * for the database; then the store; then what is forwarded is queued; then the source is acknowledged. A crash anywhere means the batch comes again, and
 * every effect is idempotent. While the store is slow or down, judging and ordering go on until `maxUnstored`.
 */
export async function runPipeline(parts: PipelineParts, signal: AbortSignal): Promise<void> {
  const { source, judge, desk, watch, observe, clock } = parts
  const unstored = new StoreStage(parts, signal)
  for await (const batch of source.batches(signal)) {
    judge.forget(batch.assigned)
    await judge.restoreUnknown(batch.events)
    const startedMs = clock.now()
    const judged = batch.events.map((event) => judge.judge(event))
    observe.judged(judged, clock.now() - startedMs)
    const orders = judged.flatMap((one) => one.orders)
    const seen = watch.see(batch.events)
    const placed = await untilDone(parts, signal, 'orders', orders.length, async () => {
      await desk.place(orders)
      await desk.observed(seen)
    })
    if (!placed) await batch.abandon(new Error('stopped before the orders were durable'))
    else {
      parts.verdicts?.tell(judged)
      await unstored.take({ batch, judged })
    }
  }
  await unstored.drain()
}

interface JudgedBatch {
  readonly batch: Batch
  readonly judged: readonly Judged[]
}

/** Stores judged batches in their order, as few large inserts as the store's own pace allows, and acknowledges them. */
class StoreStage {
  private readonly parts: PipelineParts
  private readonly signal: AbortSignal
  private readonly waiting: JudgedBatch[] = []
  private waitingEvents = 0
  private running: Promise<void> | undefined
  private roomWanted: (() => void) | undefined

  constructor(parts: PipelineParts, signal: AbortSignal) {
    this.parts = parts
    this.signal = signal
  }

  /** Resolves at once while there is room, else when there is. */
  async take(one: JudgedBatch): Promise<void> {
    this.waiting.push(one)
    this.waitingEvents += one.judged.length
    this.running ??= this.run().finally(() => {
      this.running = undefined
    })
    while (this.waitingEvents > this.parts.maxUnstored) {
      await new Promise<void>((resolve) => {
        this.roomWanted = resolve
      })
    }
  }

  async drain(): Promise<void> {
    await this.running
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.takeGroup()
      const judged = group.flatMap((one) => one.judged)
      const rejected = group.flatMap((one) => one.batch.rejected)
      const stored = await untilDone(this.parts, this.signal, 'store', judged.length, () =>
        this.parts.store.write(
          judged.filter((one) => !one.verdict.duplicate),
          rejected,
        ),
      )
      const queued = stored && (await this.forward(judged))
      for (const { batch } of group) await this.finish(batch, queued)
      this.waitingEvents -= judged.length
      this.roomWanted?.()
    }
  }

  private async forward(judged: readonly Judged[]): Promise<boolean> {
    const { notices } = this.parts
    if (notices === undefined) return true
    return untilDone(this.parts, this.signal, 'forward', judged.length, () => notices.enqueue(judged))
  }

  private takeGroup(): JudgedBatch[] {
    let events = 0
    let count = 0
    for (const { judged } of this.waiting) {
      if (count > 0 && events + judged.length > MAX_EVENTS_PER_INSERT) break
      events += judged.length
      count++
    }
    return this.waiting.splice(0, count)
  }

  private async finish(batch: Batch, isDone: boolean): Promise<void> {
    const { observe, clock } = this.parts
    if (!isDone) return batch.abandon(new Error('stopped before the batch was stored and its findings queued'))
    const startedMs = clock.now()
    try {
      await batch.acknowledge()
      observe.done('acknowledge', batch.events.length, clock.now() - startedMs)
    } catch (error) {
      // Not acknowledged means delivered again, which is harmless; trying again here could only race a rebalance.
      observe.failed('acknowledge', error, 1)
    }
  }
}

/** Large inserts are cheap per row, but one that is refused is retried whole. */
const MAX_EVENTS_PER_INSERT = 20_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

/** Tries an effect until it succeeds (true) or the pipeline stops (false). At least one attempt is made while stopping. */
async function untilDone(
  parts: PipelineParts,
  signal: AbortSignal,
  effect: Effect,
  events: number,
  attempt: () => Promise<void>,
): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    const startedMs = parts.clock.now()
    try {
      await attempt()
      parts.observe.done(effect, events, parts.clock.now() - startedMs)
      return true
    } catch (error) {
      parts.observe.failed(effect, error, tries)
      if (signal.aborted) return false
      await parts.clock.sleep(Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LAST_RETRY_MS), signal)
    }
  }
}
