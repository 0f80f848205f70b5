import type { FilterRule } from '../detect/sigma/ast.ts'
import {
  assembleRules,
  type LoadedRules,
  type LoadOptions,
  type RuleFile,
  type RuleProblem,
} from '../detect/sigma/load.ts'
import { testRules } from './rules-test.ts'

/**
 * Rules with their exceptions, but without an exception under which a rule no longer matches one of its own cases: that
 * would switch the rule off in silence. Such a filter is in `failed`; one that nobody answers for, or that never ends,
 * is in `warnings`.
 */
export function assembleProven(files: readonly RuleFile[], options: LoadOptions = {}): LoadedRules {
  const loaded = assembleRules(files, options)
  if (loaded.filters.length === 0) return loaded
  const refused = tooWide(files, options, loaded)
  const warnings = loaded.filters.flatMap(incomplete)
  if (refused.length === 0) return { ...loaded, warnings: [...loaded.warnings, ...warnings] }
  const places = new Set(refused.map(({ file, line }) => `${file}:${line}`))
  const again = assembleRules(files, { ...options, refused: places })
  return { ...again, failed: [...again.failed, ...refused], warnings: [...again.warnings, ...warnings] }
}

function tooWide(files: readonly RuleFile[], options: LoadOptions, loaded: LoadedRules): readonly RuleProblem[] {
  const silenced = silencedIn(loaded)
  if (silenced.size === 0) return []
  const places = loaded.filters.map(placeOf)
  const withOnly = (kept: string | undefined) => {
    const refused = new Set(places.filter((place) => place !== kept))
    return silencedIn(assembleRules(files, { ...options, refused }))
  }
  const anyway = withOnly(undefined)
  return loaded.filters.flatMap((filter) => {
    const lost = [...withOnly(placeOf(filter))].filter((rule) => !anyway.has(rule))
    if (lost.length === 0) return []
    const message = `the exception silences a case of its own rule (${lost.join(', ')}); narrow its condition`
    return [{ ...filter.position, message }]
  })
}

/** Rules with a case that should match and does not. */
function silencedIn(loaded: LoadedRules): ReadonlySet<string> {
  return new Set(testRules(loaded).faults.flatMap(({ kind, rule }) => (kind === 'no-match' ? [rule] : [])))
}

function placeOf({ position: { file, line } }: FilterRule): string {
  return `${file}:${line}`
}

function incomplete({ position, owner, reason, expiresMs }: FilterRule): readonly RuleProblem[] {
  const missing = [
    ...(owner === undefined ? ['owner'] : []),
    ...(reason === undefined ? ['reason'] : []),
    ...(expiresMs === undefined ? ['expires'] : []),
  ]
  if (missing.length === 0) return []
  return [
    { ...position, message: `the exception has no ${missing.join(', ')}; say who answers for it, why, and until when` },
  ]
}
