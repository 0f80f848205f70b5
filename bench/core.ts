import type { ToolEvent } from '../src/model/index.ts'
import { benchEvents, USUAL_AGENTS } from './lib/events.ts'
import { collect } from './lib/heap.ts'
import { measure, round } from './lib/meter.ts'
import { openRig, type Rig } from './lib/rig.ts'
import type { Benchmark } from './main.ts'

const EVENTS = 100_000
const GAP_MS = 5
/** Decoded, then judged, as the pipeline does: under load its batches are of hundreds to thousands. */
const BATCH = 1_000
const START_MS = Date.UTC(2026, 9, 26, 9)

/** A fleet at its usual pace is measured; its first stream warms the compiler and is not told. */
const USUAL_STREAMS = 4
/** A fleet a hundred times busier than its baselines know: nearly every event raises a signal with its reasons. */
const BUSY_AGENTS = 40

/** Decoding and judging, one thread, every detector on: what one core can watch. */
export const benchmark: Benchmark = {
  about:
    'bytes of 1 kB events to verdicts (parse, validate, redact, refs, fold, detect, fuse), against JSON.parse alone',
  async run(progress) {
    const rig = await openRig(progress)
    const rounds: Round[] = []
    for (let seed = 1; seed <= USUAL_STREAMS; seed++) {
      const round = await measured(rig, streamOf(seed, USUAL_AGENTS))
      progress(told(round))
      if (seed > 1) rounds.push(round)
    }
    const busy = await measured(rig, streamOf(USUAL_STREAMS + 1, BUSY_AGENTS))
    progress(`${told(busy)}, ${BUSY_AGENTS} agents a name`)
    rig.close()
    const median = (of: (one: Round) => number): number => rounds.map(of).sort((a, b) => a - b)[1] ?? Number.NaN
    return {
      work: `${EVENTS} events of 1 kB in batches of ${BATCH}, ${rig.engine.detectors.length} detectors`,
      events_per_s: round(median((one) => one.wall)),
      events_per_cpu_s: round(median((one) => one.core)),
      decode_events_per_cpu_s: round(median((one) => one.decode)),
      share_with_signals: round(
        median((one) => one.signalled),
        3,
      ),
      peer: 'JSON.parse alone, same bytes',
      peer_events_per_s: round(median((one) => one.parse)),
      ratio: round(
        median((one) => one.core / one.parse),
        3,
      ),
      busy: {
        share_with_signals: round(busy.signalled, 3),
        events_per_cpu_s: round(busy.core),
        ratio: round(busy.core / busy.parse, 3),
      },
    }
  },
}

/** Events per second of CPU time, of `wall` per second. */
interface Round {
  readonly core: number
  readonly wall: number
  readonly parse: number
  readonly decode: number
  /** of events with a signal, 0 to 1 */
  readonly signalled: number
}

/** Serialised events one after the other, so that what holds them costs the collector nothing. */
class Stream {
  private readonly bytes: Buffer
  private readonly ends: Uint32Array

  constructor(lines: readonly string[]) {
    this.bytes = Buffer.from(lines.join(''))
    this.ends = new Uint32Array(lines.length)
    let end = 0
    for (const [at, line] of lines.entries()) {
      end += Buffer.byteLength(line)
      this.ends[at] = end
    }
  }

  each(take: (body: Buffer, position: number) => void): void {
    let from = 0
    for (let at = 0; at < this.ends.length; at++) {
      const to = this.ends[at] ?? from
      take(this.bytes.subarray(from, to), at)
      from = to
    }
  }
}

function streamOf(seed: number, agents: number): Stream {
  return new Stream(benchEvents(EVENTS, { startMs: START_MS, gapMs: GAP_MS, seed, run: `run-${seed}`, agents }))
}

async function measured(rig: Rig, stream: Stream): Promise<Round> {
  const { judge } = rig.newJudge()
  // Each pass meets the stream for the first time: what doors remember of texts is part of what is measured.
  const [decoder, whole] = [rig.newDoor(), rig.newDoor()]
  let signalled = 0
  const parse = await clean(() => stream.each((body) => JSON.parse(body.toString('utf8'))))
  const decode = await clean(() => stream.each((body, position) => decoder.decode({ body, origin: 'bench', position })))
  const core = await clean(() => {
    let batch: ToolEvent[] = []
    stream.each((body, position) => {
      const decoded = whole.decode({ body, origin: 'bench', position })
      if (!decoded.ok) throw new Error(decoded.rejected.error)
      if (batch.push(decoded.event) < BATCH) return
      for (const event of batch) if (judge.judge(event).verdict.signals.length > 0) signalled++
      batch = []
    })
  })
  return {
    core: EVENTS / core.cpuS,
    wall: EVENTS / core.wallS,
    parse: EVENTS / parse.cpuS,
    decode: EVENTS / decode.cpuS,
    signalled: signalled / EVENTS,
  }
}

/** What earlier work left behind is collected before the clock starts. */
function clean(work: () => void): ReturnType<typeof measure> {
  collect()
  return measure(work)
}

function told(one: Round): string {
  return `  ${round(one.core)} events per CPU-second, ${round(one.core / one.parse, 3)} of JSON.parse`
}
