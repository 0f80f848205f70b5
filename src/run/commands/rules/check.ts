import { Command } from 'commander'
import { EXIT, type Io } from '../../io.ts'
import { placeholdersOf } from './placeholders.ts'

interface Options {
  readonly rules: readonly string[]
  readonly config?: string
  readonly json?: boolean
}

export function rulesCheckCommand(io: Io): Command {
  return new Command('check')
    .description('loads rules and says which do not load, and why')
    .requiredOption('--rules <paths...>', 'rule files, or folders of them')
    .option('--config <file>', 'configuration with the values of `|expand`')
    .option('--json', 'one JSON object: files, rules, correlations, filters, failed')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => check(io, options))
}

const EXAMPLES = `
Warnings go to standard error. Exit code 1 when a rule does not load.

Examples:
  belay rules check --rules rules
  belay rules check --rules rules --json`

async function check(io: Io, { rules: paths, config, json }: Options): Promise<void> {
  const { readRuleFiles } = await import('../../../detect/sigma/load.ts')
  const { assembleProven } = await import('../../rule-exceptions.ts')
  const placeholders = await placeholdersOf(config)
  const { files, rules, filters, failed, warnings } = assembleProven(await readRuleFiles(paths), {
    nowMs: Date.now(),
    placeholders,
  })
  const correlations = rules.filter((rule) => rule.kind === 'correlation').length
  const counts = { files, rules: rules.length - correlations, correlations, filters: filters.length }
  for (const { file, line, message } of warnings) io.err(`${file}:${line}: warning: ${message}`)
  if (json === true) {
    const told = failed.map(({ file, line, message }) => ({ file, error: `line ${line}: ${message}` }))
    io.out(JSON.stringify({ ...counts, failed: told }))
  } else {
    for (const { file, line, message } of failed) io.out(`${file}:${line}: ${message}`)
    const loaded = `${counts.rules} rules, ${counts.correlations} correlations and ${counts.filters} filters`
    io.out(`${files} files: ${loaded} load, ${failed.length} do not`)
  }
  if (failed.length > 0) process.exitCode = EXIT.failed
}
