import { fastify } from 'fastify'
import { eventRoutes } from '../src/accept/http/routes.ts'
import { type BenchInstance, startBelay } from './lib/belay.ts'
import { Child } from './lib/child.ts'
import type { Flood, Load } from './lib/http-load-child.ts'
import { round } from './lib/meter.ts'
import type { Benchmark, Progress } from './main.ts'

const SECONDS = 4
const SIZES = [100, 1] as const
/** Enough for the pipeline to batch what waits: an answer takes as long as an insert. */
const CONNECTIONS = { 100: 64, 1: 256 } as const

type Size = (typeof SIZES)[number]

interface Target {
  readonly name: 'bare' | 'null' | 'durable'
  readonly url: string
}

interface Rate {
  readonly wall: number
  /** per CPU-second of this process, which holds the server and not the client */
  readonly cpu: number
}

export const benchmark: Benchmark = {
  about:
    'events/s by HTTP in batches of 100 and of 1: until durable in the embedded pipeline, and decoded only, against a bare Fastify handler with JSON.parse',
  async run(progress) {
    const belay = await startBelay(progress)
    const client = new Child<Load>(new URL('lib/http-load-child.ts', import.meta.url))
    const bare = await listenBare()
    const decoding = await listenDecoding(belay)
    const targets: readonly Target[] = [
      { name: 'bare', url: bare.url },
      { name: 'null', url: decoding.url },
      { name: 'durable', url: `${belay.instance.url}/v1/events` },
    ]
    try {
      const rates = new Map<string, Rate>()
      for (const size of SIZES)
        for (const target of targets) rates.set(`${target.name} ${size}`, await rateOf(client, target, size, progress))
      const of = (name: Target['name'], size: Size): Rate => rates.get(`${name} ${size}`) ?? { wall: 0, cpu: 0 }
      const ratio = (name: Target['name'], size: Size): number => round(of(name, size).wall / of('bare', size).wall, 3)
      return {
        work: `events of 1 kB, batches of 100, 202 after they are durable, ${belay.instance.parts.engine.detectors.length} detectors, client in a process beside it`,
        events_per_s: round(of('durable', 100).wall),
        events_per_cpu_s: round(of('durable', 100).cpu),
        peer: 'bare Fastify handler with JSON.parse, batches of 100',
        peer_events_per_s: round(of('bare', 100).wall),
        ratio: ratio('durable', 100),
        decoded_only: { events_per_s: round(of('null', 100).wall), ratio: ratio('null', 100) },
        batches_of_1: {
          events_per_s: round(of('durable', 1).wall),
          decoded_only_events_per_s: round(of('null', 1).wall),
          peer_events_per_s: round(of('bare', 1).wall),
          ratio: ratio('durable', 1),
          decoded_only_ratio: ratio('null', 1),
        },
      }
    } finally {
      await client.end()
      await bare.close()
      await decoding.close()
      await belay.end()
    }
  },
}

async function rateOf(client: Child<Load>, { name, url }: Target, size: Size, progress: Progress): Promise<Rate> {
  const task: Flood = {
    kind: 'flood',
    url,
    perRequest: size,
    connections: CONNECTIONS[size],
    seconds: SECONDS,
    run: `${name}-${size}`,
  }
  const cpu = process.cpuUsage()
  const load = await client.run(task)
  const { user, system } = process.cpuUsage(cpu)
  if (load.refused > 0) progress(`  ${load.refused} requests were refused`)
  // The warm-up is as long as the measurement and costs the same.
  const rate = { wall: load.events / load.seconds, cpu: (2 * load.events) / ((user + system) / 1e6) }
  progress(`  ${name}, batches of ${size}: ${round(rate.wall)} events/s`)
  return rate
}

interface Listening {
  readonly url: string
  close(): Promise<void>
}

/** The peer: what any Node service pays to read a JSON body and answer it. */
async function listenBare(): Promise<Listening> {
  const server = fastify()
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 16 * 1024 * 1024 }, (_request, body, done) =>
    done(null, JSON.parse(body.toString('utf8'))),
  )
  server.post('/', (request, reply) => {
    reply.code(202).send({ accepted: Array.isArray(request.body) ? request.body.length : 1 })
  })
  return { url: `${await server.listen({ port: 0, host: '127.0.0.1' })}/`, close: () => server.close() }
}

/** Belay's own routes and decoder, with nothing behind them. */
async function listenDecoding({ instance }: BenchInstance): Promise<Listening> {
  const server = fastify()
  let position = 0
  await server.register(
    eventRoutes({
      decode: instance.parts.door.decode,
      delivery: {
        place: () => ({ origin: 'bench', position: position++ }),
        hasRoom: () => true,
        deliver: () => Promise.resolve(),
      },
      principalOf: () => ({ name: 'bench' }),
      now: Date.now,
    }),
  )
  return { url: `${await server.listen({ port: 0, host: '127.0.0.1' })}/v1/events`, close: () => server.close() }
}
