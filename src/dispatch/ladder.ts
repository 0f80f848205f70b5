import type { Level } from '../model/index.ts'
import { LEVELS, severityOfLevel } from '../model/index.ts'

/** What a gateway knows of a call when it asks the ladder about it. */
export interface Call {
  /** on the operator's allow-list of read-only tools, or hinted so; no hint is not read-only */
  readonly readOnly: boolean
  /** a person or a stronger login has approved this very call */
  readonly steppedUp: boolean
}

/** What happens to a call that a lease of some level covers. */
export type Effect = 'pass' | 'step-up' | 'deny'

/** What each level does to a call it covers; the target says which calls those are. */
const EFFECTS: Readonly<Record<Level, (call: Call) => Effect>> = {
  monitor: () => 'pass',
  require_step_up: (call) => (call.steppedUp ? 'pass' : 'step-up'),
  restrict_read_only: (call) => (call.readOnly ? 'pass' : 'deny'),
  quarantine_tool: () => 'deny',
  suspend_session: () => 'deny',
}

export function effectOn(level: Level, call: Call): Effect {
  return EFFECTS[level](call)
}

export function moreSevere(a: Level, b: Level): boolean {
  return severityOfLevel(a) > severityOfLevel(b)
}

/** The most severe allowed level that is not above `asked`; undefined when nothing that low is allowed. */
export function highestAllowed(asked: Level, allowed: ReadonlySet<Level>): Level | undefined {
  return LEVELS.slice(0, LEVELS.indexOf(asked) + 1).findLast((level) => allowed.has(level))
}
