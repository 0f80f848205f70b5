import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Rules } from '../../detect/rules.ts'
import { type LoadedRules, type RuleFile, type RuleProblem, readRuleFiles } from '../../detect/sigma/load.ts'
import type { Placeholders } from '../../detect/sigma/parse-text.ts'
import type { Config } from '../config-schema.ts'
import { assembleProven } from '../rule-exceptions.ts'

/** Beside src/ in a checkout, beside dist/src/ in a build. */
const BUILT_IN = fileURLToPath(new URL('../../../rules/', import.meta.url))

export interface RuleBookObserver {
  /** a set is in force; what of it does not run is named, at the start only */
  swapped(generation: string, rules: number, failed: readonly RuleProblem[], warnings: readonly RuleProblem[]): void
  /** the changed files do not load as a whole: the set before them stays in force */
  kept(generation: string, failed: readonly RuleProblem[]): void
}

/**
 * The written rules in force. At the start whatever loads runs, and the rest is told; later a changed set takes the
 * place of the old one as a whole or not at all, because half a set is nobody's intention.
 */
export class RuleBook {
  private readonly folders: readonly string[]
  private readonly accepted: () => Promise<readonly RuleFile[]>
  private readonly disabled: ReadonlySet<string>
  private readonly observer: RuleBookObserver
  private current: Rules | undefined
  private readonly placeholders: Placeholders
  private seen = ''
  private expiresMs = Number.POSITIVE_INFINITY
  /** rules by state, as of the last look */
  counts: Readonly<Record<'running' | 'failed', number>> = { running: 0, failed: 0 }

  /** `accepted`: exceptions that people accepted, which are no files. Rejects when they cannot be read. */
  constructor(
    { rules }: Pick<Config, 'rules'>,
    observer: RuleBookObserver,
    more: readonly string[] = [],
    accepted: () => Promise<readonly RuleFile[]> = async () => [],
  ) {
    this.accepted = accepted
    this.folders = [...(rules.builtIn ? [BUILT_IN] : []), ...rules.folders, ...more]
    this.disabled = new Set(rules.disabled)
    this.placeholders = rules.placeholders
    this.observer = observer
  }

  readonly of = (): Rules | undefined => this.current

  /** Looks at the files; swaps the set when they changed. Rejects when a folder cannot be read. `nowMs`: for expiry. */
  async refresh(nowMs: number): Promise<void> {
    const files = [...(await readRuleFiles(this.folders)), ...(await this.accepted())]
    const generation = generationOf(files, this.placeholders)
    if (generation === this.seen && nowMs < this.expiresMs) return
    this.seen = generation
    const loaded = assembleProven(files, { nowMs, placeholders: this.placeholders })
    this.expiresMs = nextExpiry(loaded, nowMs)
    if (this.current !== undefined && loaded.failed.length > 0) {
      this.counts = { ...this.counts, failed: loaded.failed.length }
      this.observer.kept(this.current.generation, loaded.failed)
      return
    }
    const rules = this.enabled(loaded)
    this.current = new Rules(rules, withoutExpired(generation, loaded, nowMs), loaded.exceptions)
    this.counts = { running: rules.length, failed: loaded.failed.length }
    this.observer.swapped(this.current.generation, rules.length, loaded.failed, loaded.warnings)
  }

  private enabled({ rules }: LoadedRules): LoadedRules['rules'] {
    if (this.disabled.size === 0) return rules
    return rules.filter(({ id, name }) => !this.disabled.has(id ?? '') && !this.disabled.has(name ?? ''))
  }
}

/** When the first of the exceptions that apply ends, and the set must be put together anew. */
function nextExpiry({ filters }: LoadedRules, nowMs: number): number {
  const ends = filters.flatMap(({ expiresMs }) => (expiresMs !== undefined && expiresMs > nowMs ? [expiresMs] : []))
  return Math.min(Number.POSITIVE_INFINITY, ...ends)
}

/** A set without an exception that has ended finds other things, so it has another name. */
function withoutExpired(generation: string, { filters }: LoadedRules, nowMs: number): string {
  const expired = filters.filter(({ expiresMs }) => expiresMs !== undefined && expiresMs <= nowMs)
  if (expired.length === 0) return generation
  const hash = createHash('sha256').update(generation)
  for (const { key } of expired) hash.update(`\u001f${key}`)
  return hash.digest('hex').slice(0, 12)
}

/** First 12 hex digits of a hash over all that is read: the same rules, the same generation, on every machine. */
function generationOf(files: readonly RuleFile[], placeholders: Placeholders): string {
  const hash = createHash('sha256').update(JSON.stringify(placeholders))
  for (const { bytes } of files) hash.update(createHash('sha256').update(bytes).digest())
  return hash.digest('hex').slice(0, 12)
}
