import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Rules } from '../../detect/rules.ts'
import { type LoadedRules, type RuleFile, type RuleProblem, readRuleFiles } from '../../detect/sigma/load.ts'
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
  private seen = ''
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
    this.observer = observer
  }

  readonly of = (): Rules | undefined => this.current

  /** Looks at the files; swaps the set when they changed. Rejects when a folder cannot be read. `nowMs`: for expiry. */
  async refresh(nowMs: number): Promise<void> {
    const files = [...(await readRuleFiles(this.folders)), ...(await this.accepted())]
    const generation = generationOf(files)
    if (generation === this.seen) return
    this.seen = generation
    const loaded = assembleProven(files, { nowMs })
    if (this.current !== undefined && loaded.failed.length > 0) {
      this.counts = { ...this.counts, failed: loaded.failed.length }
      this.observer.kept(this.current.generation, loaded.failed)
      return
    }
    const rules = this.enabled(loaded)
    this.current = new Rules(rules, generation)
    this.counts = { running: rules.length, failed: loaded.failed.length }
    this.observer.swapped(generation, rules.length, loaded.failed, loaded.warnings)
  }

  private enabled({ rules }: LoadedRules): LoadedRules['rules'] {
    if (this.disabled.size === 0) return rules
    return rules.filter(({ id, name }) => !this.disabled.has(id ?? '') && !this.disabled.has(name ?? ''))
  }
}

/** First 12 hex digits of a hash over all files: the same rules, the same generation, on every machine. */
function generationOf(files: readonly RuleFile[]): string {
  const hash = createHash('sha256')
  for (const { bytes } of files) hash.update(createHash('sha256').update(bytes).digest())
  return hash.digest('hex').slice(0, 12)
}
