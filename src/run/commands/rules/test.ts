import { Command } from 'commander'
import type { Placeholders } from '../../../detect/sigma/parse-text.ts'
import { EXIT, type Io } from '../../io.ts'
import { placeholdersOf } from './placeholders.ts'

interface Options {
  readonly rules: readonly string[]
  readonly config?: string
  readonly watch?: boolean
  readonly json?: boolean
}

export function rulesTestCommand(io: Io): Command {
  return new Command('test')
    .description('runs the cases that stand in the rules')
    .requiredOption('--rules <paths...>', 'rule files, or folders of them')
    .option('--config <file>', 'configuration with the values of `|expand`')
    .option('--watch', 'runs them again whenever a file changes')
    .option('--json', 'one JSON object: rules, cases, faults')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => test(io, options))
}

const EXAMPLES = `
A rule needs a case that matches and one that does not. Exit code 1 when a case does not hold or a rule does not load.

Examples:
  belay rules test --rules rules
  belay rules test --rules /etc/belay/rules --watch`

async function test(io: Io, { rules: paths, config, watch, json = false }: Options): Promise<void> {
  const runOnce = async () => testOnce(io, paths, await placeholdersOf(config), json)
  if (watch !== true) {
    if (!(await runOnce())) process.exitCode = EXIT.failed
    return
  }
  const { watch: changes } = await import('node:fs/promises')
  await runOnce()
  await Promise.all(
    paths.map(async (path) => {
      // An editor writes a file in several steps: whatever came in a moment is one change.
      let next: NodeJS.Timeout | undefined
      for await (const _change of changes(path, { recursive: true })) {
        clearTimeout(next)
        next = setTimeout(() => {
          runOnce().catch((error: unknown) => io.err(String(error)))
        }, SETTLE_MS)
      }
    }),
  )
}

const SETTLE_MS = 100

/** Whether all is well. */
async function testOnce(io: Io, paths: readonly string[], placeholders: Placeholders, json: boolean): Promise<boolean> {
  const { loadRules } = await import('../../../detect/sigma/load.ts')
  const { testRules } = await import('../../rules-test.ts')
  const loaded = await loadRules(paths, { nowMs: Date.now(), placeholders })
  const { rules, cases, faults: found } = testRules(loaded)
  const unloaded = loaded.failed.map(({ file, line, message }) => ({
    kind: 'not-loaded',
    file,
    line,
    rule: '',
    message,
  }))
  const faults = [...unloaded, ...found]
  if (json) io.out(JSON.stringify({ rules, cases, faults }))
  else {
    for (const { file, line, rule, message } of faults) io.out(`${file}:${line}: ${rule && `${rule}: `}${message}`)
    io.out(`${rules} rules, ${cases} cases, ${faults.length} faults`)
  }
  return faults.length === 0
}
