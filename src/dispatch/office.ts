import type { Level } from '../model/index.ts'
import type { ApprovalBook } from './approval-book.ts'
import { type ApprovalPolicy, Approvals } from './approvals.ts'
import { ContainmentDesk, type DeskParts } from './desk.ts'
import { Dispatcher } from './dispatcher.ts'
import { Escalation } from './escalation.ts'
import { Outcomes } from './outcomes.ts'
import { Placement, type PlacementParts } from './placement.ts'

export interface OfficeParts extends PlacementParts {
  readonly book: ApprovalBook
  readonly approvalPolicy: ApprovalPolicy
  readonly roleOf: (tenant: string, agent: string) => string | undefined
  /** uniform in [0, 1) */
  readonly random: () => number
  /** rungs that may be ordered */
  readonly allowed: ReadonlySet<Level>
  readonly guard: DeskParts['guard']
}

export interface Office {
  readonly desk: ContainmentDesk
  readonly dispatcher: Dispatcher
  readonly approvals: Approvals
}

/** The parts of this room that need each other, put together. */
export function openOffice(parts: OfficeParts): Office {
  const placement = new Placement(parts)
  const escalation = new Escalation(placement, parts.routes, parts.allowed)
  const outcomes = new Outcomes(parts, escalation)
  const letPass = (tenant: string, callId: string): Promise<boolean> => approvals.letPass(tenant, callId)
  const desk: ContainmentDesk = new ContainmentDesk({ ...parts, placement, outcomes, escalation, letPass })
  const { book, posture, clock, roleOf, approvalPolicy: policy, observe } = parts
  const approvals: Approvals = new Approvals({
    book,
    posture,
    clock,
    roleOf,
    policy,
    desk,
    changed: (one) => observe.approval(one),
  })
  return { desk, approvals, dispatcher: new Dispatcher({ ...parts, outcomes }) }
}
