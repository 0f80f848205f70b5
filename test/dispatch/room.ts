import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Approval } from '../../src/dispatch/approval.ts'
import { SqliteApprovals } from '../../src/dispatch/approvals/sqlite.ts'
import type { ApprovalPolicy, Approvals } from '../../src/dispatch/approvals.ts'
import type { OverBudget } from '../../src/dispatch/blast-radius.ts'
import { systemClock } from '../../src/dispatch/clock.ts'
import { DispatchDatabase } from '../../src/dispatch/database.ts'
import type { ContainmentDesk, DeskParts } from '../../src/dispatch/desk.ts'
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts'
import type { Delivery, Gateway } from '../../src/dispatch/gateway.ts'
import { History } from '../../src/dispatch/history.ts'
import type { DispatchObserver, NotContained } from '../../src/dispatch/observer.ts'
import { openOffice } from '../../src/dispatch/office.ts'
import { SqlitePosture } from '../../src/dispatch/posture/sqlite.ts'
import { Outbox } from '../../src/dispatch/queue/outbox.ts'
import { type Route, Routes } from '../../src/dispatch/routes.ts'
import { LEVELS, type LeaseChange } from '../../src/model/index.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

type Seen =
  | { readonly kind: 'opened'; readonly id: string }
  | { readonly kind: 'attempted'; readonly id: string; readonly gateway: string; readonly delivery: Delivery }
  | { readonly kind: 'acknowledged'; readonly id: string; readonly gateway: string; readonly latencyMs: number }
  | { readonly kind: 'ended'; readonly id: string }
  | ({ readonly kind: 'not-contained' } & { readonly failure: NotContained })
  | { readonly kind: 'approval'; readonly approval: Approval }
  | { readonly kind: 'over-budget'; readonly over: OverBudget }
  | { readonly kind: 'failed'; readonly error: unknown }

export const APPROVAL_POLICY: ApprovalPolicy = {
  answerMs: 900_000,
  validMs: 300_000,
  people: 1,
  unanswered: { call: 'deny', containment: 'deny' },
}

/** The embedded dispatch room as run/ wires it, on a clock that the test moves, and a log of what it told. */
export class Room implements DispatchObserver {
  readonly dir: string
  readonly clock: ManualClock
  readonly posture: SqlitePosture
  readonly queue: Outbox
  readonly desk: ContainmentDesk
  readonly approvals: Approvals
  readonly recorded: LeaseChange[] = []
  readonly seen: Seen[] = []
  private readonly db: DispatchDatabase
  private readonly dispatcher: Dispatcher
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private waiters: { readonly wanted: (seen: Seen) => boolean; readonly resolve: () => void }[] = []
  private readonly history: History

  constructor(
    routes: readonly Route[],
    over: {
      readonly dir?: string
      readonly startMs?: number
      readonly guard?: DeskParts['guard']
      readonly approvalPolicy?: Partial<ApprovalPolicy>
    } = {},
  ) {
    this.dir = over.dir ?? mkdtempSync(join(tmpdir(), 'belay-room-'))
    this.clock = new ManualClock(over.startMs ?? Date.now())
    const { clock } = this
    this.db = new DispatchDatabase(join(this.dir, 'dispatch.db'))
    this.posture = new SqlitePosture(this.db, clock.now())
    const onError = (error: unknown) => this.tell({ kind: 'failed', error })
    this.queue = new Outbox(this.db, clock, { concurrencyPerGateway: 8, onError })
    const record = async (changes: readonly LeaseChange[]) => {
      this.recorded.push(...changes)
    }
    this.history = new History(record, systemClock, this)
    const parts = { posture: this.posture, routes: new Routes(routes), history: this.history, observe: this, clock }
    const guard = over.guard ?? { admit: (order) => order }
    const office = openOffice({
      ...parts,
      queue: this.queue,
      random: () => 0.5,
      allowed: new Set(LEVELS),
      guard,
      roleOf: () => undefined,
      book: new SqliteApprovals(this.db),
      approvalPolicy: { ...APPROVAL_POLICY, ...over.approvalPolicy },
    })
    this.approvals = office.approvals
    this.desk = office.desk
    this.dispatcher = office.dispatcher
  }

  start(): this {
    this.running = this.dispatcher.run(this.stopping.signal)
    return this
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
    await this.history.flush()
    await this.queue.close()
    this.db.close()
  }

  async dispose(): Promise<void> {
    await this.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** Lets the delay that the queue waits for pass. */
  async elapse(ms: number): Promise<void> {
    await this.clock.armed()
    this.clock.advance(ms)
  }

  /** Resolves when something that is wanted is told from now on. */
  next(wanted: (seen: Seen) => boolean): Promise<void> {
    return new Promise((resolve) => this.waiters.push({ wanted, resolve }))
  }

  opened = ({ id }: { id: string }): void => this.tell({ kind: 'opened', id })
  attempted: DispatchObserver['attempted'] = (job, delivery) =>
    this.tell({ kind: 'attempted', id: job.order.id, gateway: job.gateway, delivery })
  acknowledged: DispatchObserver['acknowledged'] = (lease, gateway, latencyMs) =>
    this.tell({ kind: 'acknowledged', id: lease.order.id, gateway, latencyMs })
  ended: DispatchObserver['ended'] = (lease) => this.tell({ kind: 'ended', id: lease.order.id })
  notContained: DispatchObserver['notContained'] = (failure) => this.tell({ kind: 'not-contained', failure })
  changed: DispatchObserver['changed'] = () => undefined
  approval: DispatchObserver['approval'] = (approval) => this.tell({ kind: 'approval', approval })
  overBudget: DispatchObserver['overBudget'] = (over) => this.tell({ kind: 'over-budget', over })
  historyDropped: DispatchObserver['historyDropped'] = (changes) =>
    this.tell({ kind: 'failed', error: new Error(`${changes} dropped`) })
  failed: DispatchObserver['failed'] = (_doing, error) => this.tell({ kind: 'failed', error })

  failures(): readonly NotContained[] {
    return this.seen.flatMap((seen) => (seen.kind === 'not-contained' ? [seen.failure] : []))
  }

  private tell(seen: Seen): void {
    this.seen.push(seen)
    const due = this.waiters.filter(({ wanted }) => wanted(seen))
    this.waiters = this.waiters.filter((waiter) => !due.includes(waiter))
    for (const { resolve } of due) resolve()
  }
}

/** A gateway that answers what the test says, in the order of its calls; the last answer stays. */
export class ScriptedGateway implements Gateway {
  readonly name: string
  readonly calls: { readonly change: string; readonly id: string; readonly revision: number }[] = []
  private readonly answers: readonly Delivery[]

  constructor(name: string, ...answers: readonly Delivery[]) {
    this.name = name
    this.answers = answers
  }

  keepsUntilReleased = false
  cannot: Gateway['cannot'] = () => undefined

  deliver: Gateway['deliver'] = async (change, lease) => {
    this.calls.push({ change, id: lease.order.id, revision: lease.revision })
    const answer = this.answers[Math.min(this.calls.length, this.answers.length) - 1]
    if (answer === undefined) throw new Error('the test gave no answer')
    return answer
  }
}

export const APPLIED: Delivery = { kind: 'acknowledged', status: 'applied' }
