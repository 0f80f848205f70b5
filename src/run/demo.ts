import { CommandError, type Io } from './io.ts'
import type { Overrides } from './up.ts'

/** Learns three roles, plays a fleet with an attack in it and shows what happens. */
export async function runDemo(_io: Io, _overrides: Overrides): Promise<void> {
  throw new CommandError('the demo is not part of this build')
}
