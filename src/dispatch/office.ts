import type { Level } from '../model/index.ts'
import { ContainmentDesk, type DeskParts } from './desk.ts'
import { Dispatcher } from './dispatcher.ts'
import { Escalation } from './escalation.ts'
import { Outcomes } from './outcomes.ts'
import { Placement, type PlacementParts } from './placement.ts'

export interface OfficeParts extends PlacementParts {
  /** uniform in [0, 1) */
  readonly random: () => number
  /** rungs that may be ordered */
  readonly allowed: ReadonlySet<Level>
  readonly guard: DeskParts['guard']
}

export interface Office {
  readonly desk: ContainmentDesk
  readonly dispatcher: Dispatcher
}

/** The parts of this room that need each other, put together. */
export function openOffice(parts: OfficeParts): Office {
  const placement = new Placement(parts)
  const escalation = new Escalation(placement, parts.routes, parts.allowed)
  const outcomes = new Outcomes(parts, escalation)
  return {
    desk: new ContainmentDesk({ ...parts, placement, outcomes, escalation }),
    dispatcher: new Dispatcher({ ...parts, outcomes }),
  }
}
