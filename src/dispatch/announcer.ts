import type { Clock } from './clock.ts'
import type { Posture, PostureChange } from './posture.ts'
import { wireContainment } from './wire.ts'

/** One record of the containment topic: the containment, or null once it has ended (a tombstone of a compacted topic). */
export interface Announcement {
  readonly key: string
  readonly value: string | null
  readonly headers: { readonly change: 'apply' | 'release'; readonly revision: string; readonly tenant: string }
}

export interface AnnouncerParts {
  readonly posture: Posture
  /** durable when it resolves */
  readonly write: (records: readonly Announcement[]) => Promise<void>
  readonly clock: Clock
  /** told of each failed attempt; it is tried again. Must not throw */
  readonly failed: (error: unknown) => void
}

const RETRY_MS = 1_000

/**
 * Writes every change of what is contained to a compacted topic, so that PEPs can start from it: key containment id,
 * the newest word of each only. It begins with everything that is in force, and while the broker is away holds the
 * newest word of each containment, so that it catches up however long that takes.
 */
export class Announcer {
  private readonly parts: AnnouncerParts
  private waiting = new Map<string, PostureChange>()
  private wake: (() => void) | undefined

  constructor(parts: AnnouncerParts) {
    this.parts = parts
  }

  /** Works until `signal` aborts; what waits then is written by the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const { posture, clock } = this.parts
    const unsubscribe = posture.subscribe((change) => this.take(change))
    signal.addEventListener('abort', () => this.wake?.(), { once: true })
    try {
      for (const change of (await posture.changes(0, clock.now())) ?? []) this.take(change)
      while (!signal.aborted) {
        if (this.waiting.size > 0) await this.flush(signal)
        else await this.woken()
      }
    } finally {
      unsubscribe()
    }
  }

  private take(change: PostureChange): void {
    const { id } = change.lease.order
    const known = this.waiting.get(id)
    if (known !== undefined && known.revision >= change.revision) return
    this.waiting.set(id, change)
    this.wake?.()
  }

  private async flush(signal: AbortSignal): Promise<void> {
    const group = this.waiting
    this.waiting = new Map()
    try {
      await this.parts.write([...group.values()].sort((a, b) => a.revision - b.revision).map(announcementOf))
    } catch (error) {
      this.parts.failed(error)
      // A newer word that came meanwhile stays.
      for (const change of group.values()) this.take(change)
      await this.pause(signal)
    }
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  private pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(RETRY_MS, resolve)
      const stop = () => {
        cancel()
        resolve()
      }
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
    })
  }
}

function announcementOf({ change, revision, lease }: PostureChange): Announcement {
  return {
    key: lease.order.id,
    value: change === 'apply' ? JSON.stringify(wireContainment(lease)) : null,
    headers: { change, revision: String(revision), tenant: lease.order.tenant },
  }
}
