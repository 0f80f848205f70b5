import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DispatchJob, Handled, OrderQueue } from '../dispatch/queue.ts'
import { order } from './orders.ts'

/** One queue under test, on data of its own. */
export interface QueueHarness {
  readonly queue: OrderQueue
  /** Lets the time of a delay pass: moves a clock that the test owns; does nothing where real time passes. */
  elapse(ms: number): Promise<void>
  /** Ends this queue as a stopping process does and opens another on the same data. */
  reopen(): Promise<OrderQueue>
  dispose(): Promise<void>
}

type Job = Omit<DispatchJob, 'attempt'>

const DONE: Handled = { kind: 'done' }

/** A worker whose jobs a test can wait for. */
class Work {
  readonly seen: DispatchJob[] = []
  readonly running: Promise<void>
  private readonly stopping = new AbortController()
  private waiters: { readonly count: number; readonly resolve: () => void }[] = []

  constructor(queue: OrderQueue, handler: (job: DispatchJob) => Handled | Promise<Handled> = () => DONE) {
    this.running = queue.work(async (job) => {
      this.seen.push(job)
      const due = this.waiters.filter(({ count }) => this.seen.length >= count)
      this.waiters = this.waiters.filter((waiter) => !due.includes(waiter))
      for (const { resolve } of due) resolve()
      return handler(job)
    }, this.stopping.signal)
  }

  /** Resolves when this many jobs have been started. */
  async reached(count: number): Promise<void> {
    if (this.seen.length < count) await new Promise<void>((resolve) => this.waiters.push({ count, resolve }))
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }
}

function job(over: Partial<Job> = {}): Job {
  return { order: order(), change: 'apply', revision: 1, gateway: 'gw-1', ...over }
}

const idsOf = (jobs: readonly Job[]) => jobs.map((one) => one.order.id).sort()

/** The contract of OrderQueue, which every adapter passes. */
export function queueSuite(name: string, open: () => Promise<QueueHarness>): void {
  describe(`${name} as an order queue`, () => {
    let harness: QueueHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(async () => {
      await harness.dispose()
    })

    it('runs every job that was put, as it was put, with attempt 0', async () => {
      const jobs = Array.from({ length: 50 }, () => job())
      await harness.queue.put(jobs)
      const work = new Work(harness.queue)
      await work.reached(50)
      await work.stop()
      expect(idsOf(work.seen)).toEqual(idsOf(jobs))
      const [first] = jobs
      expect(work.seen.find((one) => one.order.id === first?.order.id)).toEqual({ ...first, attempt: 0 })
    })

    it('wakes for what is put while it waits', async () => {
      const work = new Work(harness.queue)
      await harness.queue.put([job()])
      await work.reached(1)
      await harness.queue.put([job()])
      await work.reached(2)
      await work.stop()
      expect(work.seen).toHaveLength(2)
    })

    it('takes a job once, whether it waits, runs or is done', async () => {
      const one = job()
      await harness.queue.put([one, one])
      await harness.queue.put([one])
      let finish: () => void = () => undefined
      const finished = new Promise<Handled>((resolve) => {
        finish = () => resolve(DONE)
      })
      const work = new Work(harness.queue, (taken) => (taken.gateway === 'last' ? DONE : finished))
      await work.reached(1)
      await harness.queue.put([one])
      finish()
      await harness.queue.put([one, job({ gateway: 'last' })])
      await work.reached(2)
      await harness.queue.put([one])
      await work.stop()
      expect(work.seen.map((taken) => taken.gateway)).toEqual(['gw-1', 'last'])
      expect(await harness.queue.depth()).toEqual({ waiting: 0, delayed: 0 })
    })

    it('tells jobs apart by order, revision, change and gateway, whatever characters a gateway is named with', async () => {
      const apply = job()
      const jobs: readonly Job[] = [
        apply,
        { ...apply, gateway: 'a:b/c %2F' },
        { ...apply, revision: 2 },
        { ...apply, revision: 2, change: 'release' },
        job(),
      ]
      await harness.queue.put(jobs)
      const work = new Work(harness.queue)
      await work.reached(5)
      await work.stop()
      expect(work.seen).toHaveLength(5)
    })

    it('runs a job again after the delay that the handler names, one attempt later', async () => {
      await harness.queue.put([job()])
      const work = new Work(harness.queue, (taken) =>
        taken.attempt < 2 ? { kind: 'again', afterMs: 60, why: 'not yet' } : DONE,
      )
      await work.reached(1)
      await harness.elapse(60)
      await work.reached(2)
      await harness.elapse(60)
      await work.reached(3)
      await work.stop()
      expect(work.seen.map((taken) => taken.attempt)).toEqual([0, 1, 2])
    })

    it('retries a job whose handler throws', async () => {
      await harness.queue.put([job()])
      let thrown = false
      const work = new Work(harness.queue, () => {
        if (thrown) return DONE
        thrown = true
        throw new Error('a defect')
      })
      await work.reached(1)
      await harness.elapse(1_000)
      await work.reached(2)
      await work.stop()
      expect(work.seen[1]?.order).toEqual(work.seen[0]?.order)
    })

    it('never runs one job twice at the same time, with two workers', async () => {
      const running = new Set<string>()
      let overlaps = 0
      const handler = async (taken: DispatchJob): Promise<Handled> => {
        if (running.has(taken.order.id)) overlaps++
        running.add(taken.order.id)
        await new Promise((resolve) => setImmediate(resolve))
        running.delete(taken.order.id)
        return DONE
      }
      const total = 200
      let started = 0
      let all: () => void = () => undefined
      const reached = new Promise<void>((resolve) => {
        all = resolve
      })
      const counted = (taken: DispatchJob) => {
        started++
        if (started === total) all()
        return handler(taken)
      }
      const workers = [new Work(harness.queue, counted), new Work(harness.queue, counted)]
      await harness.queue.put(Array.from({ length: total }, () => job()))
      await reached
      for (const worker of workers) await worker.stop()
      expect({ started, overlaps }).toEqual({ started: total, overlaps: 0 })
    })

    it('finishes the jobs in hand when it is stopped, and starts no other', async () => {
      await harness.queue.put([job()])
      let finish: () => void = () => undefined
      const work = new Work(harness.queue, () => new Promise((resolve) => (finish = () => resolve(DONE))))
      await work.reached(1)
      const stopped = work.stop()
      await harness.queue.put([job()])
      finish()
      await stopped
      expect(work.seen).toHaveLength(1)
      expect((await harness.queue.depth()).waiting).toBe(1)
    })

    it('keeps waiting, delayed and done jobs over a restart', async () => {
      const [waiting, delayed, done] = [job({ gateway: 'late' }), job(), job()]
      await harness.queue.put([delayed, done])
      const before = new Work(harness.queue, (taken) =>
        taken.order.id === done.order.id ? DONE : { kind: 'again', afterMs: 60, why: 'later' },
      )
      await before.reached(2)
      await before.stop()
      await harness.queue.put([waiting])
      const reopened = await harness.reopen()
      await reopened.put([waiting, delayed, done])
      const after = new Work(reopened)
      await after.reached(1)
      await harness.elapse(60)
      await after.reached(2)
      await after.stop()
      expect(idsOf(after.seen)).toEqual(idsOf([waiting, delayed]))
      expect(after.seen.find((one) => one.order.id === delayed.order.id)?.attempt).toBe(1)
    })
  })
}
