import type { LeaseChange } from '../model/index.ts'
import type { Clock } from './clock.ts'
import type { DispatchObserver } from './observer.ts'

const GATHER_MS = 50
const RETRY_MS = 1_000
const MAX_WAITING = 20_000
const MAX_PER_WRITE = 2_000

/** Reports lease changes to the store without holding containment up: gathered, retried, bounded, in their order. */
export class History {
  private readonly write: (changes: readonly LeaseChange[]) => Promise<void>
  private readonly clock: Clock
  private readonly observe: Pick<DispatchObserver, 'changed' | 'historyDropped' | 'failed'>
  private waiting: LeaseChange[] = []
  private writing: Promise<void> | undefined
  private cancel: (() => void) | undefined

  constructor(
    write: (changes: readonly LeaseChange[]) => Promise<void>,
    clock: Clock,
    observe: Pick<DispatchObserver, 'changed' | 'historyDropped' | 'failed'>,
  ) {
    this.write = write
    this.clock = clock
    this.observe = observe
  }

  add(change: LeaseChange): void {
    this.observe.changed(change)
    this.waiting.push(change)
    const excess = this.waiting.length - MAX_WAITING
    if (excess > 0) {
      this.waiting.splice(0, excess)
      this.observe.historyDropped(excess)
    }
    this.schedule(GATHER_MS)
  }

  /** Writes what waits, once; resolves also when that failed. For a process that is about to end. */
  async flush(): Promise<void> {
    this.cancel?.()
    this.cancel = undefined
    await this.writing
    await this.writeWaiting()
  }

  private schedule(delayMs: number): void {
    if (this.cancel !== undefined || this.writing !== undefined) return
    this.cancel = this.clock.after(delayMs, () => {
      this.cancel = undefined
      this.writing = this.writeWaiting().finally(() => {
        this.writing = undefined
        if (this.waiting.length > 0) this.schedule(RETRY_MS)
      })
    })
  }

  private async writeWaiting(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.waiting.slice(0, MAX_PER_WRITE)
      try {
        await this.write(group)
      } catch (error) {
        this.observe.failed('history', error)
        return
      }
      // Dropping may have taken some of the group from the front meanwhile.
      const written = new Set(group)
      this.waiting = this.waiting.filter((change) => !written.has(change))
    }
  }
}
