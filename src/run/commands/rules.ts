import { Command } from 'commander'
import type { Io } from '../io.ts'
import { rulesCheckCommand } from './rules/check.ts'
import { rulesMatchCommand } from './rules/match.ts'
import { rulesNewCommand } from './rules/new.ts'
import { rulesSqlCommand } from './rules/sql.ts'
import { rulesTestCommand } from './rules/test.ts'

export function rulesCommand(io: Io): Command {
  return new Command('rules')
    .description('checks and tests Sigma rules, matches them against events, writes them as SQL')
    .addCommand(rulesCheckCommand(io))
    .addCommand(rulesMatchCommand(io))
    .addCommand(rulesSqlCommand(io))
    .addCommand(rulesNewCommand(io))
    .addCommand(rulesTestCommand(io))
}
