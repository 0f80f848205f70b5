import type { Job } from 'bullmq'
import { DelayedError, Queue, WaitingError, Worker } from 'bullmq'
import type { Order } from '../../model/index.ts'
import type { Clock } from '../clock.ts'
import { jobKey } from '../job-key.ts'
import type { DispatchJob, Handled, OrderQueue } from '../queue.ts'
import { RedisClients } from './redis-clients.ts'

export interface BullmqOptions {
  readonly url: string
  /** Redis keys start with it; the braces keep all keys of a queue in one slot of a cluster */
  readonly prefix: string
  readonly concurrency: number
  /** a process that died gives its jobs back after about this long */
  readonly lockMs: number
  /** told about lost connections and handlers that threw; must not throw */
  readonly onError: (error: unknown) => void
}

export const BULLMQ_DEFAULTS = { prefix: '{belay}', concurrency: 64, lockMs: 10_000 } as const

/** A put that takes longer is given up, so that the pipeline can say that Redis is away; putting again is harmless. */
const PUT_TIMEOUT_MS = 5_000
const THROWN_RETRY_MS = 1_000
const CLOSE_TIMEOUT_MS = 5_000
/** Done jobs are kept this long, so that a batch that comes again does not order again: longest lease and two days. */
const REMEMBER_S = 72 * 3_600
/** Orders end with their lease, never by a count of attempts: BullMQ must not move one to `failed`. */
const FOREVER = 1_000_000_000

type JobData = Omit<DispatchJob, 'attempt'>

/** Redis did not take the jobs in time. The put may or may not have happened: put again. */
export class QueueTimeoutError extends Error {
  override readonly name = 'QueueTimeoutError'
  readonly code = 'queue_timeout'
}

/** The distributed queue: BullMQ on Redis. Any number of processes put and work. Redis must not evict keys. */
export class BullmqQueue implements OrderQueue {
  private readonly clients: RedisClients
  private readonly queue: Queue<JobData>
  private readonly clock: Clock
  private readonly options: BullmqOptions

  constructor(clock: Clock, options: BullmqOptions) {
    this.clock = clock
    this.options = options
    this.clients = new RedisClients(options.url, 1)
    this.clients.main.on('error', options.onError)
    this.queue = new Queue<JobData>('orders', { prefix: options.prefix, connection: this.clients.main })
    this.queue.on('error', options.onError)
  }

  async put(jobs: readonly JobData[]): Promise<void> {
    if (jobs.length === 0) return
    const entries = jobs.map((data) => ({
      name: data.change,
      data,
      opts: {
        jobId: jobKey(data),
        attempts: FOREVER,
        backoff: { type: 'fixed', delay: THROWN_RETRY_MS },
        removeOnComplete: { age: REMEMBER_S },
      },
    }))
    await this.within(PUT_TIMEOUT_MS, this.queue.addBulk(entries))
  }

  async work(handler: (job: DispatchJob) => Promise<Handled>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { url, prefix, concurrency, lockMs, onError } = this.options
    const clients = new RedisClients(url, null)
    clients.main.on('error', onError)
    const worker = new Worker<JobData>('orders', (job, token) => runJob(job, token, handler, signal), {
      prefix,
      concurrency,
      connection: clients.main,
      lockDuration: lockMs,
      stalledInterval: lockMs / 2,
      maxStalledCount: FOREVER,
      runRetryDelay: THROWN_RETRY_MS,
    })
    worker.on('error', onError)
    worker.on('failed', (_job, error) => onError(error))
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    // Without Redis, jobs in hand stay locked there and are given back when their lock ends.
    await this.orCut(worker.close(), clients)
  }

  async depth(): Promise<{ readonly waiting: number; readonly delayed: number }> {
    const counts = await this.within(PUT_TIMEOUT_MS, this.queue.getJobCounts('waiting', 'active', 'delayed'))
    return { waiting: (counts.waiting ?? 0) + (counts.active ?? 0), delayed: counts.delayed ?? 0 }
  }

  async close(): Promise<void> {
    await this.orCut(this.queue.close(), this.clients)
  }

  private async orCut(closing: Promise<void>, clients: RedisClients): Promise<void> {
    try {
      await this.within(CLOSE_TIMEOUT_MS, closing)
    } catch (error) {
      this.options.onError(error)
      // Cutting rejects what it waits for, which is no news any more.
      closing.catch(() => undefined)
    }
    clients.cut()
  }

  private within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.clock.after(timeoutMs, () =>
        reject(
          new QueueTimeoutError(`Redis did not answer within ${timeoutMs} ms; check that it runs and is reachable`),
        ),
      )
      work.then(resolve, reject).finally(cancel)
    })
  }
}

async function runJob(
  job: Job<JobData>,
  token: string | undefined,
  handler: (job: DispatchJob) => Promise<Handled>,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) {
    // A worker that is closing still takes the job that its last request brought.
    await job.moveToWait(token)
    throw new WaitingError()
  }
  const { change, revision, gateway } = job.data
  const order: Order = job.data.order
  // BullMQ counts starts, also those that a crash cut short; each of them may have delivered.
  const handled = await handler({ order, change, revision, gateway, attempt: Math.max(0, job.attemptsStarted - 1) })
  if (handled.kind === 'done') return
  await job.moveToDelayed(Date.now() + handled.afterMs, token)
  throw new DelayedError(handled.why)
}
