import { Command } from 'commander'
import type { Io } from '../io.ts'
export function learnCommand(_io: Io): Command {
  return new Command('learn')
}
