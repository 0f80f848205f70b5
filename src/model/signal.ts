/** The signal: what one detector or rule says of one event. */

/** One reason an analyst can check: what was seen, what is usual, and how much history says so. */
export interface Reason {
  /** e.g. "`send_money` after `read_file`" */
  readonly what: string
  readonly observed: string
  readonly expected: string
  /** the history behind `expected`; absent for a reason that needs none */
  readonly support?: { readonly sessions: number; readonly agents?: number }
}

export interface Signal {
  /** surprise in nats against the role's own history, >= 0; never a 0..1 score */
  readonly strength: number
  readonly reasons: readonly Reason[]
}

/** A signal with the name of who raised it, calibrated by the engine. */
export interface JudgedSignal extends Signal {
  readonly by: { readonly kind: 'detector' | 'rule'; readonly id: string }
  /** probability that a clean event of this role is at least this strong, in (0, 1] */
  readonly tail: number
  /** what it adds to the event score: weight x -ln(tail), >= 0, nats */
  readonly evidence: number
}
