import type { Approval } from './approval.ts'

/** Where questions to people and their answers are kept. Rejects with PostureError when its database is away. */
export interface ApprovalBook {
  /** Durable when it resolves. Idempotent by id: one that exists stays as it is, and is returned. The newest of a situation is its current one. */
  put(approval: Approval): Promise<Approval>
  get(id: string): Promise<Approval | undefined>
  /** The newest of a situation, in whatever state. */
  current(situation: string): Promise<Approval | undefined>
  /**
   * Changes one, alone: `change` sees what is stored, and what it returns is what is stored then. It may run more than
   * once. The same object back means no change. Undefined when there is none.
   */
  change(id: string, change: (approval: Approval) => Approval): Promise<Approval | undefined>
  /** All of a tenant that are kept, newest first. */
  list(tenant: string): Promise<readonly Approval[]>
  /** Pending and approved ones whose time is over. */
  due(nowMs: number): Promise<readonly Approval[]>
  /** Forgets those whose time was over before `beforeMs`. */
  forget(beforeMs: number): Promise<void>
}
