import { Command } from 'commander'
import { answerCommand, approvalsCommand } from './commands/approvals.ts'
import { auditCommand } from './commands/audit.ts'
import { backtestCommand } from './commands/backtest.ts'
import { baselinesCommand } from './commands/baselines.ts'
import { completenessCommand } from './commands/completeness.ts'
import { containCommand } from './commands/contain.ts'
import { dlqCommand } from './commands/dlq.ts'
import { doctorCommand } from './commands/doctor.ts'
import { explainCommand } from './commands/explain.ts'
import { findingsCommand } from './commands/findings.ts'
import { forwardCommand } from './commands/forward.ts'
import { huntCommand } from './commands/hunt.ts'
import { learnCommand } from './commands/learn.ts'
import { proxyCommand } from './commands/proxy.ts'
import { releaseCommand } from './commands/release.ts'
import { rulesCommand } from './commands/rules.ts'
import { scoreCommand } from './commands/score.ts'
import { sessionsCommand } from './commands/sessions.ts'
import { toolsCommand } from './commands/tools.ts'
import { upCommand } from './commands/up.ts'
import type { Io } from './io.ts'
import { version } from './version.ts'

/** All commands. Each loads what it runs only when it runs, so that `--help` answers at once. */
export function createProgram(io: Io): Command {
  const program = new Command('belay')
    .description('Watches every tool call of your AI agents and contains a session that slips, while it is running.')
    .version(version())
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) })
    .exitOverride()
    .showHelpAfterError('(--help shows how)')
    .addHelpText('after', '\nExit codes: 0 done, 1 it failed, 2 called wrongly or the configuration is wrong.')
  const commands = [
    upCommand(io),
    learnCommand(io),
    scoreCommand(io),
    findingsCommand(io),
    huntCommand(io),
    sessionsCommand(io),
    containCommand(io),
    releaseCommand(io),
    approvalsCommand(io),
    answerCommand(io, 'approve'),
    answerCommand(io, 'deny'),
    baselinesCommand(io),
    toolsCommand(io),
    explainCommand(io),
    rulesCommand(io),
    backtestCommand(io),
    dlqCommand(io),
    forwardCommand(io),
    proxyCommand(io),
    completenessCommand(io),
    doctorCommand(io),
    auditCommand(io),
  ]
  for (const command of commands) program.addCommand(inheriting(command, program))
  return program
}

/** Commander hands settings down only to commands it creates itself. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inheriting(child, command)
  return command
}
