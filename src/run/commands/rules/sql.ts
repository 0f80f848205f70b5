import { Command } from 'commander'
import type { Rule } from '../../../detect/sigma/ast.ts'
import { EXIT, type Io } from '../../io.ts'
import { placeholdersOf } from './placeholders.ts'

interface Options {
  readonly rules: readonly string[]
  readonly config?: string
  readonly json?: boolean
}

export function rulesSqlCommand(io: Io): Command {
  return new Command('sql')
    .description('writes each rule as a ClickHouse query over the view `events`, for hunting in history')
    .requiredOption('--rules <paths...>', 'rule files, or folders of them')
    .option('--config <file>', 'configuration with the values of `|expand`')
    .option('--json', 'one JSON object: queries, failed')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => writeSql(io, options))
}

const EXAMPLES = `
A query has two parameters, from and to, in UTC, and returns the events at which the rule matches. Rules that only feed
a correlation without \`generate\` have none of their own. Exit code 1 when a rule has no query; the message says why.

Examples:
  belay rules sql --rules rules/secrets.yml
  belay rules sql --rules one.yml > one.sql
  clickhouse client -d belay --param_from='2026-11-01 00:00:00' --param_to='2026-12-01 00:00:00' < one.sql`

async function writeSql(io: Io, { rules: paths, config, json }: Options): Promise<void> {
  const { loadRules } = await import('../../../detect/sigma/load.ts')
  const { resolveCorrelations } = await import('../../../detect/sigma/correlate-resolve.ts')
  const { toSql } = await import('../../../detect/sigma/to-sql.ts')
  const { RuleError } = await import('../../../detect/sigma/errors.ts')
  const loaded = await loadRules(paths, {
    nowMs: Date.now(),
    placeholders: await placeholdersOf(config),
  })
  const { correlations, silent } = resolveCorrelations(loaded.rules)
  const failed = loaded.failed.map(({ file, line, message }) => ({ file, line, message }))
  const queries: { readonly rule: Rule; readonly sql: string }[] = []
  for (const rule of loaded.rules) {
    if (silent.has(rule)) continue
    try {
      queries.push({ rule, sql: toSql(rule, correlations) })
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      failed.push({ ...error.position, message: error.message })
    }
  }
  if (json === true) {
    const told = failed.map(({ file, line, message }) => ({ file, error: `line ${line}: ${message}` }))
    io.out(JSON.stringify({ queries: queries.map(({ rule, sql }) => ({ rule: rule.key, sql })), failed: told }))
  } else {
    for (const { rule, sql } of queries) io.out(`${heading(rule)}\n${sql};\n`)
    for (const { file, line, message } of failed) io.err(`${file}:${line}: ${message}`)
  }
  if (failed.length > 0) process.exitCode = EXIT.failed
}

/** A comment of one line, whatever a rule calls itself. */
function heading({ title, key, position }: Rule): string {
  return `-- ${title} (${key}), ${position.file}:${position.line}`.replace(/\s+/g, ' ')
}
