import { describe, expect, it } from 'vitest'
import type { ProfileDefinition, ProfileRow, Totals } from '../baseline/profile.ts'
import type { Profiles } from '../model/index.ts'

export interface ProfileCase<Name extends keyof Profiles> {
  readonly definition: ProfileDefinition<Name>
  readonly rows: readonly ProfileRow[]
  readonly totals: Totals
  /** asks the profile about things it knows and things it never saw */
  ask(profile: Profiles[Name]): unknown
  /** what it answers when it was compiled from nothing */
  readonly unlearnt: unknown
}

/** What every profile keeps, after River's checks of estimators. */
export function profileSuite<Name extends keyof Profiles>(one: ProfileCase<Name>): void {
  const { definition, rows, totals, unlearnt } = one
  const ask = (profile: Profiles[Name]): unknown => one.ask(profile)
  const nothing: Totals = { calls: 0, sessions: 0, agents: 0, timeZone: totals.timeZone }
  describe(`${definition.name} as a profile`, () => {
    it('leaves its rows unchanged', () => {
      const before = structuredClone(rows)
      ask(definition.compile(rows, totals))
      expect(rows).toEqual(before)
    })

    it('does not depend on the order of rows', () => {
      expect(ask(definition.compile([...rows].reverse(), totals))).toEqual(ask(definition.compile(rows, totals)))
    })

    it('gives the same answer to the same question', () => {
      const profile = definition.compile(rows, totals)
      expect(ask(profile)).toEqual(ask(profile))
    })

    it('survives being saved and loaded', () => {
      const loaded = JSON.parse(JSON.stringify(rows)) as ProfileRow[]
      expect(ask(definition.compile(loaded, totals))).toEqual(ask(definition.compile(rows, totals)))
    })

    it('answers before it has learnt anything', () => {
      expect(ask(definition.compile([], nothing))).toEqual(unlearnt)
    })

    it('reads calls and replies in its SQL and yields what the learn job counts', () => {
      expect(definition.select).toMatch(/FROM (?:\(|calls|replies|all_events)/)
      for (const column of ['session_id', 'AS key', 'AS subkey', 'AS n'])
        expect(definition.select.replaceAll(/\s+/g, ' ')).toContain(column)
    })
  })
}
