import type { Rule } from './ast.ts'
import { RAW_EVENTS } from './fields.ts'
import { assembleRules, type LoadedRules, type LoadOptions } from './load.ts'
import type { Placeholders } from './parse-text.ts'
import { RuleSet } from './rule-set.ts'

/** For tests: rules as text in place of files. */
export function load(text: string, options: LoadOptions = { raw: true }): LoadedRules {
  return assembleRules([{ path: 'rule.yml', bytes: Buffer.from(text) }], options)
}

/** A rule around a `detection`, which is given without indentation. */
export function ruleOf(detection: string, head = 'title: A rule\nid: rule'): string {
  return `${head}\nlogsource:\n    product: any\ndetection:\n${detection.replace(/^/gm, '    ')}\n`
}

/** Loads rules that must all load. */
export function rulesIn(text: string, placeholders: Placeholders = {}): readonly Rule[] {
  const { rules, failed } = load(text, { raw: true, placeholders })
  if (failed.length > 0) throw new Error(failed.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  return rules
}

/** Which rules match the event, by key. */
export function matched(text: string, event: unknown): readonly string[] {
  return new RuleSet(rulesIn(text), RAW_EVENTS).match(event).map((rule) => rule.key)
}

/** Whether a detection matches the event. */
export function detects(detection: string, event: unknown, placeholders: Placeholders = {}): boolean {
  return new RuleSet(rulesIn(ruleOf(detection), placeholders), RAW_EVENTS).match(event).length > 0
}

/** Whether one search, such as `Field|contains: x`, matches the event. */
export function finds(search: string, event: unknown, placeholders: Placeholders = {}): boolean {
  return detects(`selection:\n${search.replace(/^/gm, '    ')}\ncondition: selection`, event, placeholders)
}

/** Why a rule does not load: its line and the message. */
export function refusal(text: string, options: LoadOptions = { raw: true }): string {
  const { failed } = load(text, options)
  return failed.map(({ line, message }) => `${line}: ${message}`).join('\n')
}

/** Why one search does not load. */
export function refusalOf(search: string): string {
  return refusal(ruleOf(`selection:\n${search.replace(/^/gm, '    ')}\ncondition: selection`))
}
