import { benchEvents } from './lib/events.ts'
import { measure, round } from './lib/meter.ts'
import { openRig } from './lib/rig.ts'
import type { Benchmark } from './main.ts'

const EVENTS = 100_000
const STREAMS = 4
const GAP_MS = 5

/** Decoding and judging, one thread, every detector on: what one core can watch. */
export const benchmark: Benchmark = {
  about:
    'bytes of 1 kB events to verdicts (parse, validate, redact, refs, fold, detect, fuse), against JSON.parse alone',
  async run(progress) {
    const rig = await openRig(progress)
    const streams = Array.from({ length: STREAMS }, (_, stream) =>
      benchEvents(EVENTS, {
        startMs: Date.UTC(2026, 9, 26, 9),
        gapMs: GAP_MS,
        seed: stream + 1,
        run: `run-${stream}`,
      }).map((line) => Buffer.from(line)),
    )
    const rounds: { core: number; wall: number; parse: number; decode: number }[] = []
    for (const bytes of streams) {
      const { judge } = rig.newJudge()
      const parse = await measure(() => {
        for (const one of bytes) JSON.parse(one.toString('utf8'))
      })
      const decode = await measure(() => decodeAll(bytes, rig))
      let position = 0
      const core = await measure(() => {
        for (const body of bytes) {
          const decoded = rig.door.decode({ body, origin: 'bench', position: position++ })
          if (!decoded.ok) throw new Error(decoded.rejected.error)
          judge.judge(decoded.event)
        }
      })
      rounds.push({
        core: EVENTS / core.cpuS,
        wall: EVENTS / core.wallS,
        parse: EVENTS / parse.cpuS,
        decode: EVENTS / decode.cpuS,
      })
      progress(`  ${round(EVENTS / core.cpuS)} events per CPU-second`)
    }
    rig.close()
    // The first stream warms the compiler; the median of the others is told.
    const [, ...warm] = rounds
    const median = (of: (one: (typeof rounds)[number]) => number): number =>
      warm.map(of).sort((a, b) => a - b)[1] ?? Number.NaN
    return {
      work: `${EVENTS} events of 1 kB, ${rig.engine.detectors.length} detectors`,
      events_per_s: round(median((one) => one.wall)),
      events_per_cpu_s: round(median((one) => one.core)),
      decode_events_per_cpu_s: round(median((one) => one.decode)),
      peer: 'JSON.parse alone, same bytes',
      peer_events_per_s: round(median((one) => one.parse)),
      ratio: round(
        median((one) => one.core / one.parse),
        3,
      ),
    }
  },
}

function decodeAll(bytes: readonly Buffer[], rig: Awaited<ReturnType<typeof openRig>>): void {
  let position = 0
  for (const body of bytes) rig.door.decode({ body, origin: 'bench', position: position++ })
}
