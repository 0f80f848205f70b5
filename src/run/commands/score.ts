import { Command } from 'commander'
import type { Io } from '../io.ts'
export function scoreCommand(_io: Io): Command {
  return new Command('score')
}
