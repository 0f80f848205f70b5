import type { Lease, LeaseChange, Order } from '../model/index.ts'
import type { Approval } from './approval.ts'
import type { OverBudget } from './blast-radius.ts'
import type { Delivery } from './gateway.ts'
import type { DispatchJob } from './queue.ts'

/** Why a containment is not in effect at a gateway; `still_held`: why one that has ended still is. */
export interface NotContained {
  readonly lease: Lease
  /** absent when no gateway in particular failed */
  readonly gateway?: string
  readonly kind: 'unsupported' | 'not_found' | 'refused' | 'gone' | 'ended' | 'ineffective' | 'still_held'
  /** a sentence for people */
  readonly why: string
}

/** Told what happens to orders, for metrics, logs and findings. Must not throw and must not wait. */
export interface DispatchObserver {
  /** a step of a containment, as its history has it: in order, before it is written anywhere */
  changed(change: LeaseChange): void
  /** a new lease, enforced or only recorded */
  opened(order: Order): void
  /** one delivery attempt */
  attempted(job: DispatchJob, delivery: Delivery, tookMs: number): void
  /** a gateway has applied it; `latencyMs` since the event that caused it was received */
  acknowledged(lease: Lease, gateway: string, latencyMs: number): void
  /** released or expired */
  ended(lease: Lease): void
  /** worth a finding: a containment that people believe in and that is not there */
  notContained(failure: NotContained): void
  /** automatic orders are beyond their budget and await approval: worth a finding, told once per tenant, kind and hour */
  overBudget(over: OverBudget): void
  /** a question to people is new, or was answered */
  approval(approval: Approval): void
  /** history that could not be written in time and is lost to analysts; never a containment */
  historyDropped(changes: number): void
  failed(doing: 'history' | 'queue' | 'posture' | 'approval webhook', error: unknown): void
}
