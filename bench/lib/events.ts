import { finance } from '../../scripts/fixtures/finance.ts'
import { research } from '../../scripts/fixtures/research.ts'
import { support } from '../../scripts/fixtures/support.ts'
import { eventsOf, seeded } from '../../scripts/fixtures/world.ts'
import type { CloudEvent } from '../../src/model/index.ts'

const BYTES = 1_000
/** length of the member that carries the padding, without it */
const PADDING_OVERHEAD = 18
const ROLES = [finance, support, research]

/**
 * `count` serialised events of about 1 kB from the fixture world, sessions of many agents interleaved, one every
 * `gapMs` from `startMs` on. The same seed gives the same stream. The fewer `agents` of a name share the work, the busier
 * each: 40 at a few milliseconds do in minutes what their roles do in days, and nearly every event is unusual.
 */
export function benchEvents(
  count: number,
  options: { startMs: number; gapMs: number; seed?: number; run?: string; agents?: number },
): string[] {
  const random = seeded(options.seed ?? 7)
  const open: CloudEvent[][] = []
  const lines: string[] = []
  let session = 0
  while (lines.length < count) {
    while (open.length < 500) {
      const role = ROLES[session % ROLES.length] ?? finance
      const agent = `${random.pick(role.agents)}-${session % (options.agents ?? 40)}`
      const made = eventsOf(role, agent, `${options.run ?? 'bench'}-${session++}`, 0, role.job(random), random)
      open.push(made.map((line) => line.event as unknown as CloudEvent))
    }
    const at = random.int(0, open.length - 1)
    const event = open[at]?.shift()
    if (event === undefined) open.splice(at, 1)
    else lines.push(sized(event, options.startMs + lines.length * options.gapMs))
  }
  return lines
}

/** Agents a name with which a stream of a few milliseconds' gap has the pace that the fixture baselines know. */
export const USUAL_AGENTS = 5_000

/** The last Monday, 9 o'clock UTC: an hour in which every fixture role works, whatever day the benchmark runs. */
export function lastMondayMorning(nowMs: number): number {
  const monday = new Date(nowMs - 9 * 3_600_000)
  monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7))
  return monday.setUTCHours(9, 0, 0, 0)
}

/** Pads, or cuts the sample of, an event to about 1 kB. */
function sized(event: CloudEvent, timeMs: number): string {
  const timed = { ...event, time: new Date(timeMs).toISOString() }
  const text = JSON.stringify(timed)
  if (text.length < BYTES - PADDING_OVERHEAD)
    return JSON.stringify({
      ...timed,
      data: { ...timed.data, ext: { note: 'x'.repeat(BYTES - text.length - PADDING_OVERHEAD) } },
    })
  const { result } = timed.data
  if (result?.sample === undefined || text.length === BYTES) return text
  const sample = result.sample.slice(0, Math.max(40, result.sample.length - (text.length - BYTES)))
  return JSON.stringify({ ...timed, data: { ...timed.data, result: { ...result, sample } } })
}
