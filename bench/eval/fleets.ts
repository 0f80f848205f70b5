import { fleetFigures, fleetTable, judgeFleets, playFleets } from './lib/fleet-figures.ts'
import type { Evaluation } from './main.ts'

/** Off-hours, volume and authentication where the truth is known. */
export const evaluation: Evaluation = {
  about:
    'generated fleets in three time zones over the end of summer time, holidays, month ends and a team that joins elsewhere: of 1,000 cases of each kind, how many each detector alerts, and how many it has evidence of',
  ownData: true,
  async run({ progress }) {
    const fleets = playFleets()
    progress(`${fleets.history.length} sessions of history, ${fleets.test.length} to judge`)
    const figures = fleetFigures(fleets, await judgeFleets(fleets))
    for (const line of fleetTable(figures)) progress(line)
    return { ...figures }
  },
}
