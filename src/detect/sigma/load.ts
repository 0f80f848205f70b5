import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FilterRule, Rule } from './ast.ts'
import { checkForAgents } from './belay-fields.ts'
import { resolveCorrelations } from './correlate-resolve.ts'
import { RuleError } from './errors.ts'
import { type Exception, withFilters } from './filters.ts'
import { parseRules } from './parse.ts'
import type { RuleWarning } from './parse-context.ts'
import type { Placeholders } from './parse-text.ts'

export interface LoadOptions {
  /** Rules for events of any product: no log-source routing, no check of field names, Belay's own keys left alone. */
  readonly raw?: boolean
  /** values for `|expand`; a rule that asks for others is refused */
  readonly placeholders?: Placeholders
  /** Unix milliseconds; filters that expired before it are not applied */
  readonly nowMs?: number
  /** filters that are not applied, by where they stand: `file:line` */
  readonly refused?: ReadonlySet<string>
}

export interface LoadedRules {
  /** rule files read */
  readonly files: number
  /** detection rules with their filters applied, and correlations; each can run */
  readonly rules: readonly Rule[]
  readonly filters: readonly FilterRule[]
  /** the filters that apply, by the rule that they apply to */
  readonly exceptions: readonly Exception[]
  /** what does not run, and why: file, line and what to write instead */
  readonly failed: readonly RuleProblem[]
  /** what runs, but probably not as its author meant */
  readonly warnings: readonly RuleProblem[]
}

export interface RuleProblem {
  readonly file: string
  /** counts from 1 */
  readonly line: number
  readonly message: string
}

export interface RuleFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * Reads every `.yml` and `.yaml` file under the paths (files or folders, in the order of their names). A rule that does
 * not load is in `failed` and the others run. Rejects only when a path itself cannot be read.
 */
export async function loadRules(paths: readonly string[], options: LoadOptions = {}): Promise<LoadedRules> {
  return assembleRules(await readRuleFiles(paths), options)
}

/** The rule files under the paths, each once. */
export async function readRuleFiles(paths: readonly string[]): Promise<readonly RuleFile[]> {
  const files: RuleFile[] = []
  for (const path of new Set(await ruleFiles(paths))) files.push({ path, bytes: await readFile(path) })
  return files
}

async function ruleFiles(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const path of paths) {
    if (!(await stat(path)).isDirectory()) {
      found.push(path)
      continue
    }
    const entries = await readdir(path, { withFileTypes: true, recursive: true })
    const inside = entries.filter((entry) => entry.isFile() && /\.ya?ml$/i.test(entry.name))
    found.push(...inside.map((entry) => join(entry.parentPath, entry.name)).sort())
  }
  return found
}

/** The same for files that have been read already. */
export function assembleRules(files: readonly RuleFile[], options: LoadOptions = {}): LoadedRules {
  const { raw = false, placeholders = {} } = options
  const failed: RuleError[] = []
  const warnings: RuleWarning[] = []
  const rules: Rule[] = []
  const filters: FilterRule[] = []
  for (const { path, bytes } of files) {
    const text = decoded(bytes, path)
    const parsed = text instanceof RuleError ? undefined : parseRules(text, path, { raw, placeholders })
    if (text instanceof RuleError) failed.push(text)
    failed.push(...(parsed?.failed ?? []))
    warnings.push(...(parsed?.warnings ?? []))
    for (const document of parsed?.documents ?? [])
      if (document.kind !== 'filter') rules.push(document)
      else if (!options.refused?.has(`${document.position.file}:${document.position.line}`)) filters.push(document)
  }
  const unique = withoutDuplicates(rules, failed)
  const { rules: filtered, exceptions } = withFilters(unique, filters, options.nowMs, warnings)
  const resolution = resolveCorrelations(filtered)
  failed.push(...resolution.failed)
  const runnable = new Set<Rule>(resolution.correlations.map(({ rule }) => rule))
  const running = filtered.filter((rule) => rule.kind === 'detection' || runnable.has(rule))
  if (!raw) checkForAgents(running, warnings)
  return {
    files: files.length,
    rules: running,
    filters,
    exceptions,
    failed: failed.map(({ position, message }) => ({ ...position, message })),
    warnings: warnings.map(({ position, message }) => ({ ...position, message })),
  }
}

function decoded(bytes: Uint8Array, file: string): string | RuleError {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new RuleError({ file, line: 1 }, 'the file is not UTF-8; save it in that encoding')
  }
}

/** An id or name stands for one rule; the second that claims it does not load, or findings could not tell them apart. */
function withoutDuplicates(rules: readonly Rule[], failed: RuleError[]): readonly Rule[] {
  const owners = new Map<string, Rule>()
  return rules.filter((rule) => {
    for (const name of [rule.id, rule.name]) {
      const owner = name === undefined ? undefined : owners.get(name)
      if (!owner) continue
      const { file, line } = owner.position
      failed.push(
        new RuleError(rule.position, `\`${name}\` is the id or name of ${file}:${line} already; choose another`),
      )
      return false
    }
    for (const name of [rule.id, rule.name]) if (name !== undefined) owners.set(name, rule)
    return true
  })
}
