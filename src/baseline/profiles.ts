import type { Profiles } from '../model/index.ts'
import { destinations } from './destinations.ts'
import { drip } from './drip.ts'
import { hours } from './hours.ts'
import { intents } from './intents.ts'
import { latency } from './latency.ts'
import { parameters } from './parameters.ts'
import type { ProfileDefinition, ProfileRow, Totals } from './profile.ts'
import { reach } from './reach.ts'
import { sequence } from './sequence.ts'
import { surroundings } from './surroundings.ts'
import { tools } from './tools.ts'
import { volume } from './volume.ts'

/** Every profile there is. One more is one more file and one more line here. */
export const PROFILES = {
  sequence,
  volume,
  hours,
  destinations,
  tools,
  parameters,
  latency,
  surroundings,
  drip,
  reach,
  intents,
} satisfies {
  [Name in keyof Profiles]: ProfileDefinition<Name>
}

export type ProfileRows = { readonly [Name in keyof Profiles]?: readonly ProfileRow[] }

export function compileProfiles(rows: ProfileRows, totals: Totals): Profiles {
  return {
    sequence: sequence.compile(rows.sequence ?? [], totals),
    volume: volume.compile(rows.volume ?? [], totals),
    hours: hours.compile(rows.hours ?? [], totals),
    destinations: destinations.compile(rows.destinations ?? [], totals),
    tools: tools.compile(rows.tools ?? [], totals),
    parameters: parameters.compile(rows.parameters ?? [], totals),
    latency: latency.compile(rows.latency ?? [], totals),
    surroundings: surroundings.compile(rows.surroundings ?? [], totals),
    drip: drip.compile(rows.drip ?? [], totals),
    reach: reach.compile(rows.reach ?? [], totals),
    intents: intents.compile(rows.intents ?? [], totals),
  }
}
