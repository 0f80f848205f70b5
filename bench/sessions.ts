import { benchEvents } from './lib/events.ts'
import { liveBytes } from './lib/heap.ts'
import { measure, round } from './lib/meter.ts'
import { openRig } from './lib/rig.ts'
import type { Benchmark } from './main.ts'

const SESSIONS = 200_000
const STRETCH_EVENTS = 20_000
const GAP_MS = 0.5

export const benchmark: Benchmark = {
  about: `memory of ${SESSIONS} live sessions of the three fixture roles as they are while they are watched, limit 2,000 bytes each`,
  async run(progress) {
    const rig = await openRig(progress, { limits: { maxSessions: 2 * SESSIONS } })
    const { judge, liveSessions } = rig.newJudge()
    let events = 0
    const fold = (lines: readonly string[]): void => {
      for (const line of lines) {
        const decoded = rig.door.decode({ body: Buffer.from(line), origin: 'kafka:bench/0', position: events++ })
        if (!decoded.ok) throw new Error(decoded.rejected.error)
        judge.judge(decoded.event)
      }
    }
    const startMs = Date.UTC(2026, 9, 26, 9)
    const stretch = (at: number): string[] =>
      benchEvents(STRETCH_EVENTS, {
        startMs: startMs + at * STRETCH_EVENTS * GAP_MS,
        gapMs: GAP_MS,
        seed: at,
        run: `run-${at}`,
      })
    // What the first stretch makes is made once: compiled code, tokens, hours of agents.
    fold(stretch(0))
    const [sessionsBefore, bytesBefore, eventsBefore] = [liveSessions(), liveBytes(), events]
    let cpuS = 0
    for (let at = 1; liveSessions() < SESSIONS; at++) {
      const lines = stretch(at)
      cpuS += (await measure(() => fold(lines))).cpuS
      if (at % 20 === 0) progress(`  ${liveSessions()} sessions`)
    }
    const sessions = liveSessions() - sessionsBefore
    const bytes = liveBytes() - bytesBefore
    rig.close()
    return {
      work: `${events - eventsBefore} events in ${sessions} sessions, ${round((events - eventsBefore) / sessions, 1)} each`,
      events_per_cpu_s: round((events - eventsBefore) / cpuS),
      bytes_per_session: round(bytes / sessions),
      peer: 'the limit: a million live sessions in 2 GB',
      gb_per_million: round((bytes / sessions) * 1e-3, 2),
      ratio: round(bytes / sessions / 2_000, 3),
    }
  },
}
