import { Command } from 'commander'
import type { Io } from '../io.ts'
import { rulesCheckCommand } from './rules/check.ts'
import { rulesMatchCommand } from './rules/match.ts'
import { rulesTestCommand } from './rules/test.ts'

export function rulesCommand(io: Io): Command {
  return new Command('rules')
    .description('checks and tests Sigma rules, and matches them against events')
    .addCommand(rulesCheckCommand(io))
    .addCommand(rulesMatchCommand(io))
    .addCommand(rulesTestCommand(io))
}
