import type { Calibration, JudgedSignal, Level, Severity } from '../model/index.ts'
import { SharedList } from './session/shared-list.ts'

export interface Weights {
  readonly default: number
  /** by detector or rule id, >= 0 */
  readonly detectors: Readonly<Record<string, number>>
}

/** Only what fewer than one clean event in twenty shows is evidence. */
export const COMMON_NATS = Math.log(20)
/** session evidence halves in this time when nothing adds to it */
export const HALF_LIFE_MS = 2 * 3_600_000

export function evidenceOf(weights: Weights, id: string, tail: number): number {
  return (weights.detectors[id] ?? weights.default) * Math.max(0, -Math.log(tail) - COMMON_NATS)
}

/**
 * Session evidence by detector. Sums over events would punish length, and detectors see the same anomaly from several
 * sides: of each detector the strongest event counts whole and every other one a tenth, and so of the detectors.
 */
export class Evidence {
  private ids = SharedList.EMPTY
  private nats: number[] = []

  /** Halves in HALF_LIFE_MS of silence. */
  decay(silenceMs: number): void {
    if (silenceMs <= 0) return
    const factor = 2 ** (-silenceMs / HALF_LIFE_MS)
    for (let i = 0; i < this.nats.length; i++) this.nats[i] = (this.nats[i] ?? 0) * factor
  }

  add(id: string, nats: number): void {
    if (nats <= 0) return
    const at = this.ids.items.indexOf(id)
    if (at < 0) {
      this.ids = this.ids.with(id)
      // A copy is as long as it is full; an array that grows by push is made for sixteen.
      this.nats = [...this.nats, nats]
    } else {
      const known = this.nats[at] ?? 0
      this.nats[at] = Math.max(known, nats) + REPEATED * Math.min(known, nats)
    }
  }

  get total(): number {
    let sum = 0
    let most = 0
    for (const nats of this.nats) {
      sum += nats
      if (nats > most) most = nats
    }
    return most + BESIDE * (sum - most)
  }
}

/** what counts of an event beside its detector's strongest, and of a detector beside the strongest */
const REPEATED = 0.1
export const BESIDE = 0.1

/** 0..1, monotone, 0.5 at the role's threshold, so that roles can be compared. */
export function riskOf(nats: number, thresholdNats: number): number {
  return 1 - 2 ** (-nats / thresholdNats)
}

/** times the containment threshold at which the session ends */
const SUSPEND = 1.5

/**
 * The level that the evidence asks for; undefined below the threshold. While evidence is thin the next call needs a
 * person; at the containment threshold nothing may be changed any more; far beyond it the session ends.
 */
export function levelOf(nats: number, { thresholdNats, containNats }: Thresholds): Level | undefined {
  if (nats < thresholdNats) return undefined
  if (nats < containNats) return 'require_step_up'
  return nats < SUSPEND * containNats ? 'restrict_read_only' : 'suspend_session'
}

export type Thresholds = Pick<Calibration, 'thresholdNats' | 'containNats'>

const SEVERITY: Readonly<Record<Level, Severity>> = {
  monitor: 'low',
  require_step_up: 'medium',
  restrict_read_only: 'high',
  quarantine_tool: 'critical',
  suspend_session: 'critical',
}

export function severityOf(level: Level): Severity {
  return SEVERITY[level]
}

/** The signal that says most; ties go to the smaller id, so that a replay names the same one. */
export function carrier(signals: readonly JudgedSignal[]): JudgedSignal | undefined {
  let best: JudgedSignal | undefined
  for (const signal of signals) if (best === undefined || signal.evidence > best.evidence) best = signal
  return best
}
