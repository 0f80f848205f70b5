import { KafkaSource } from '../src/accept/kafka.ts'
import { createSignatureVerifier } from '../src/accept/signature.ts'
import { runPipeline } from '../src/pipeline.ts'
import type { KafkaBroker } from '../test/services/kafka.ts'
import { openBroker, produce, readBare, TOPICS } from './lib/broker.ts'
import { benchEvents, lastMondayMorning, USUAL_AGENTS } from './lib/events.ts'
import { round } from './lib/meter.ts'
import { openRig, type Rig } from './lib/rig.ts'
import type { Benchmark } from './main.ts'

const EVENTS = 150_000
const ROUNDS = 3

export const benchmark: Benchmark = {
  about: 'Kafka to verdict, store off, against kafkajs eachBatch + JSON.parse on the same topic in the same run',
  async run(progress) {
    const rig = await openRig(progress)
    const broker = await openBroker(progress)
    try {
      progress(`publishing ${EVENTS} events`)
      const startMs = lastMondayMorning(Date.now())
      await produce(broker, benchEvents(EVENTS, { startMs, gapMs: 5, agents: USUAL_AGENTS }))
      const rounds: { ours: number; peer: number; cpu: number }[] = []
      for (let at = 0; at < ROUNDS; at++) {
        const peer = await timed((onFirst) => readBare(broker, `peer-${at}`, EVENTS, onFirst))
        const ours = await timed((onFirst) => toVerdict(rig, broker, `belay-${at}`, onFirst))
        rounds.push({ ours: EVENTS / ours.wallS, peer: EVENTS / peer.wallS, cpu: EVENTS / ours.cpuS })
        progress(`  ${round(EVENTS / ours.wallS)} events/s, peer ${round(EVENTS / peer.wallS)}`)
      }
      const middle = (of: (one: (typeof rounds)[number]) => number): number =>
        rounds.map(of).sort((a, b) => a - b)[1] ?? Number.NaN
      return {
        work: `${EVENTS} events of 1 kB, ${rig.engine.detectors.length} detectors`,
        events_per_s: round(middle((one) => one.ours)),
        events_per_cpu_s: round(middle((one) => one.cpu)),
        peer: 'kafkajs eachBatch + JSON.parse',
        peer_events_per_s: round(middle((one) => one.peer)),
        ratio: round(
          middle((one) => one.ours / one.peer),
          3,
        ),
      }
    } finally {
      rig.close()
      await broker.kill()
    }
  },
}

/** Joining a group takes seconds that say nothing about speed: the clock of both runs starts with the first event. */
async function timed(run: (onFirst: () => void) => Promise<void>): Promise<{ wallS: number; cpuS: number }> {
  let first: { wall: bigint; cpu: NodeJS.CpuUsage } | undefined
  await run(() => {
    first ??= { wall: process.hrtime.bigint(), cpu: process.cpuUsage() }
  })
  if (first === undefined) throw new Error('no event came')
  const used = process.cpuUsage(first.cpu)
  return { wallS: Number(process.hrtime.bigint() - first.wall) / 1e9, cpuS: (used.user + used.system) / 1e6 }
}

async function toVerdict(rig: Rig, broker: KafkaBroker, group: string, onFirst: () => void): Promise<void> {
  const stop = new AbortController()
  const source = new KafkaSource({
    ...rig.door,
    connection: { brokers: broker.brokers, clientId: 'bench' },
    group,
    topics: TOPICS,
    verify: createSignatureVerifier('off', []),
    now: Date.now,
  })
  let seen = 0
  await runPipeline(
    {
      source,
      judge: rig.newJudge().judge,
      desk: { place: () => Promise.resolve(), observed: () => Promise.resolve() },
      watch: { see: () => [] },
      store: { write: () => Promise.resolve() },
      observe: {
        judged: (judged) => {
          onFirst()
          seen += judged.length
          if (seen >= EVENTS) stop.abort()
        },
        done: () => {},
        failed: (_effect, error) => {
          throw error
        },
      },
      clock: { now: Date.now, sleep: () => Promise.resolve() },
      maxUnstored: 50_000,
    },
    stop.signal,
  )
  await source.close()
}
