import { randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { CommandError, EXIT, type Io } from '../../io.ts'

interface Options {
  readonly dir: string
}

export function rulesNewCommand(io: Io): Command {
  return new Command('new')
    .argument('<name>', 'letters, digits and dashes: the name of the file, and of the rule in findings')
    .description('writes a rule with two cases, to be changed')
    .option('--dir <folder>', 'where it goes', '.')
    .addHelpText('after', EXAMPLES)
    .action((name: string, { dir }: Options) => {
      io.out(`${writeRule(name, dir)}\nchange it, then: belay rules test --rules ${dir} --watch`)
    })
}

const EXAMPLES = `
Example:
  belay rules new big-refund --dir /etc/belay/rules`

function writeRule(name: string, folder: string): string {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new CommandError(`${name} is no name of a rule; write it like big-refund`, EXIT.misused)
  const path = join(folder, `${name}.yml`)
  if (existsSync(path)) throw new CommandError(`${path} is there already; choose another name`, EXIT.misused)
  writeFileSync(path, ruleText(name))
  return path
}

/** Loads and holds its cases as it stands. */
export function ruleText(name: string): string {
  return `title: ${name.replaceAll('-', ' ')}
id: ${randomUUID()}
name: ${name}
# A response is ordered once the status is stable; until then it is recorded.
status: experimental
description: What it looks for, in one sentence.
level: medium
tags: [owasp-agentic.asi02]
logsource: { category: agent_tool_event }
detection:
  call:
    tool.name: delete_everything
  condition: call
falsepositives:
  - Who does this for good reasons.
runbook:
  - What the analyst looks at first.
known_gaps:
  - What it cannot see.
tests:
  - name: what it is about
    match: true
    event: { tool: { name: delete_everything } }
  - name: what is like it and is none
    match: false
    event: { tool: { name: delete_one } }
`
}
