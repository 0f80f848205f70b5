import type { Profiles } from '../model/index.ts'

/** One line of what was learnt: the only form in which history is kept, for every profile the same. */
export interface ProfileRow {
  readonly key: string
  readonly subkey: string
  /** capped count, so that one busy session cannot make a habit */
  readonly events: number
  readonly sessions: number
  /** at least this many: days are not joined by agent */
  readonly agents: number
}

/** The history that a profile's rows stand for. */
export interface Totals {
  readonly calls: number
  readonly sessions: number
  readonly agents: number
  /** IANA time zone the role works in */
  readonly timeZone: string
}

/**
 * One kind of normal. `select` is the SQL that turns calls into rows: it reads the tables `calls` (one row per call)
 * and `replies` (one row per event that states a result) of clean sessions and yields, per session, `key`, `subkey` and
 * `n`; learn.ts caps n, counts distinct sessions and agents, and keeps days and folds apart. `compile` makes the
 * immutable profile that answers questions; compiled from no rows it must answer too, with no surprise or undefined.
 */
export interface ProfileDefinition<Name extends keyof Profiles = keyof Profiles> {
  readonly name: Name
  readonly select: string
  compile(rows: readonly ProfileRow[], totals: Totals): Profiles[Name]
}

/** Separates the parts of a key. */
export const UNIT = '\u001f'
