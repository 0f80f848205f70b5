import { Command } from 'commander'
import { EXIT, type Io } from '../../io.ts'

interface Options {
  readonly rules: readonly string[]
  readonly json?: boolean
}

export function rulesTestCommand(io: Io): Command {
  return new Command('test')
    .description('runs the cases that stand in the rules')
    .requiredOption('--rules <paths...>', 'rule files, or folders of them')
    .option('--json', 'one JSON object: rules, cases, faults')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => test(io, options))
}

const EXAMPLES = `
A rule needs a case that matches and one that does not. Exit code 1 when a case does not hold or a rule does not load.

Examples:
  belay rules test --rules rules
  belay rules test --rules /etc/belay/rules/my-rule.yml`

async function test(io: Io, { rules: paths, json }: Options): Promise<void> {
  const { loadRules } = await import('../../../detect/sigma/load.ts')
  const { testRules } = await import('../../rules-test.ts')
  const loaded = await loadRules(paths, { nowMs: Date.now() })
  const { rules, cases, faults: found } = testRules(loaded)
  const unloaded = loaded.failed.map(({ file, line, message }) => ({ file, line, rule: '', message }))
  const faults = [...unloaded, ...found]
  if (json === true) io.out(JSON.stringify({ rules, cases, faults }))
  else {
    for (const { file, line, rule, message } of faults) io.out(`${file}:${line}: ${rule && `${rule}: `}${message}`)
    io.out(`${rules} rules, ${cases} cases, ${faults.length} faults`)
  }
  if (faults.length > 0) process.exitCode = EXIT.failed
}
