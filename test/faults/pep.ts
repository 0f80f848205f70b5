import { acknowledge, type Callback, Receiver, SECRET } from '../dispatch/receiver.ts'

export { SECRET }

/** A containment as a PEP keeps it. */
interface Held {
  revision: number
  released: boolean
  readonly session: string
  readonly cause: string
  readonly action: string
  /** how often a callback changed what the PEP does */
  effects: number
  readonly appliedMs: number
}

/**
 * A gateway as the contract describes it: verifies every signature, keeps the highest revision of each containment and
 * a tombstone of released ones, answers `duplicate` to what it has. It lives through the faults of the others.
 */
export class Pep {
  readonly held = new Map<string, Held>()
  private readonly receiver = new Receiver()

  constructor() {
    this.receiver.answer = (callback, response) => acknowledge(this.take(callback))(callback, response)
  }

  get url(): string {
    return this.receiver.url
  }
  /** callbacks with a valid signature, repeats included */
  get callbacks(): number {
    return this.receiver.received.length
  }
  /** sessions that are contained, each as often as it was contained with effect */
  get contained(): readonly string[] {
    return [...this.held.values()].filter(({ released }) => !released).map(({ session }) => session)
  }
  /** Unix milliseconds at which the session was contained; undefined while it is not */
  appliedMs(session: string): number | undefined {
    return [...this.held.values()].find((one) => one.session === session)?.appliedMs
  }

  start(): Promise<void> {
    return this.receiver.start()
  }
  stop(): Promise<void> {
    return this.receiver.stop()
  }

  private take({ type, data }: Callback): string {
    const { containment_id: id, revision } = data
    const known = this.held.get(id)
    if (known !== undefined && revision <= known.revision) return 'duplicate'
    const target = data.target as { readonly id: string }
    const released = type === 'containment.release.v1'
    if (known === undefined) {
      const [session, cause, action] = [target.id, String(data.reason), String(data.action)]
      this.held.set(id, { revision, released, session, cause, action, effects: 1, appliedMs: Date.now() })
    } else {
      Object.assign(known, { revision, released })
      known.effects++
    }
    return 'applied'
  }
}
