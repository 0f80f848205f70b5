import type { Order } from '../model/index.ts'

/** What a worker made of one order. */
export type Handled =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly afterMs: number; readonly why: string }

/** One step of an order's way to one gateway. */
export interface DispatchJob {
  readonly order: Order
  readonly change: 'apply' | 'release'
  readonly revision: number
  readonly gateway: string
  /** deliveries tried before this one, 0 at first */
  readonly attempt: number
}

/**
 * The durable queue between deciding and delivering. `put` is called by the pipeline for every batch, before the store:
 * containment never waits for the database. Job identity is order id, revision, change and gateway.
 */
export interface OrderQueue {
  /** Resolves when the jobs survive a crash of this process. A job that was put before, in any state, is not put twice. */
  put(jobs: readonly Omit<DispatchJob, 'attempt'>[]): Promise<void>
  /**
   * Runs `handler` for each due job, at least once and never twice at the same time, until `signal` aborts. `again`
   * makes the job due after that delay, with `attempt` one higher. A handler that throws is retried after 1 s.
   */
  work(handler: (job: DispatchJob) => Promise<Handled>, signal: AbortSignal): Promise<void>
  depth(): Promise<{ readonly waiting: number; readonly delayed: number }>
  close(): Promise<void>
}
