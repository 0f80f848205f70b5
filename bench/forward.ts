import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KafkaWriter } from '../src/accept/kafka/writer.ts'
import { systemClock } from '../src/dispatch/clock.ts'
import { Exchange } from '../src/dispatch/gateway/exchange.ts'
import { Backlog } from '../src/forward/backlog.ts'
import { Forwarder } from '../src/forward/forwarder.ts'
import { json } from '../src/forward/shapes/json.ts'
import type { Wire } from '../src/forward/wire.ts'
import { BULK_PATH, ElasticBulk } from '../src/forward/wires/elastic.ts'
import { RotatingFile } from '../src/forward/wires/file.ts'
import { KafkaTopic } from '../src/forward/wires/kafka.ts'
import { OtlpLogs } from '../src/forward/wires/otlp.ts'
import { newChannel, SplunkHec } from '../src/forward/wires/splunk.ts'
import { SyslogDatagram } from '../src/forward/wires/syslog-datagram.ts'
import { SyslogStream } from '../src/forward/wires/syslog-stream.ts'
import { WebhookPost } from '../src/forward/wires/webhook.ts'
import { findingNotice } from '../src/testing/notices.ts'
import {
  BulkReceiver,
  type HttpReceiver,
  OtlpReceiver,
  SplunkReceiver,
  WEBHOOK_SECRET,
  WebhookReceiver,
} from '../test/forward/http-receiver.ts'
import { SyslogReceiver, UdpReceiver } from '../test/forward/syslog-receiver.ts'
import { readTopic } from '../test/forward/topic-reader.ts'
import { ownKafkaBroker } from '../test/services/kafka.ts'
import type { Benchmark, Progress } from './main.ts'

const COUNT = Number(process.env.BELAY_BENCH_FINDINGS ?? 100_000)
const KILLS = 5
const AGENTS = 100
const PER_PUT = 1_000
const DOWN_MS = 300
const SETTLE_MS = 3_000
const product = { vendor: 'Belay', name: 'Belay', version: 'bench' }

/** A wire with its receiver. */
interface Line {
  readonly wire: Wire
  /** texts that arrived since it was last asked */
  drain(): Promise<readonly string[]>
  readonly kill?: () => Promise<void>
  readonly restart?: () => Promise<void>
  close(): Promise<void>
}

export const benchmark: Benchmark = {
  about: `${COUNT} findings through each wire, its receiver killed and restarted ${KILLS} times on the way`,
  async run(progress) {
    const only = process.env.BELAY_BENCH_WIRES?.split(',')
    const wires: Record<string, object> = {}
    for (const [name, open] of Object.entries(LINES)) {
      if (only && !only.includes(name)) continue
      progress(name)
      wires[name] = await measured(await open(progress), progress)
    }
    return { work: 'findings sent', findings: COUNT, kills: KILLS, wires }
  },
}

/** What arrived, once each, in the order in which it first arrived. */
class Arrivals {
  readonly firsts = new Set<number>()
  all = 0
  outOfOrder = 0
  private readonly lastOfAgent = new Map<number, number>()

  take(texts: readonly string[]): void {
    for (const text of texts) {
      const { data } = JSON.parse(text) as { readonly data: { readonly finding_id: string } }
      const number = Number(data.finding_id)
      this.all++
      if (this.firsts.has(number)) continue
      this.firsts.add(number)
      const agent = number % AGENTS
      if (number < (this.lastOfAgent.get(agent) ?? -1)) this.outOfOrder++
      this.lastOfAgent.set(agent, number)
    }
  }
}

async function measured(line: Line, progress: Progress): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'belay-bench-forward-'))
  const forwarder = new Forwarder(
    [{ name: 'siem', shape: json, wire: line.wire, filter: { kinds: ['findings'] }, redact: new Set() }],
    {
      backlog: new Backlog(join(folder, 'forward.db')),
      clock: systemClock,
      product,
      redactionKey: Buffer.from('bench'),
      random: Math.random,
      keepMs: 86_400_000,
      observe: { sent() {}, failed() {}, buried() {}, expired() {} },
    },
  )
  const putMs = await fill(forwarder)
  const stop = new AbortController()
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  const running = forwarder.run(stop.signal)
  const arrivals = new Arrivals()
  let kills = 0
  let rssMb = 0
  const waiting = () => forwarder.status()[0]?.waiting ?? 0
  while (waiting() > 0) {
    arrivals.take(await line.drain())
    rssMb = Math.max(rssMb, Math.round(process.memoryUsage.rss() / 1e6))
    if (line.kill && line.restart && kills < KILLS && COUNT - waiting() > ((kills + 1) * COUNT) / (KILLS + 1)) {
      kills++
      progress(`kill ${kills}, ${arrivals.firsts.size} arrived`)
      await line.kill()
      await delay(DOWN_MS)
      await line.restart()
    }
    await delay(20)
  }
  const tookMs = performance.now() - startedMs
  const { user, system } = process.cpuUsage(cpu)
  await arrived(arrivals, line)
  stop.abort()
  await running
  const { dead = 0 } = forwarder.status()[0] ?? {}
  await forwarder.close()
  await line.close()
  rmSync(folder, { recursive: true, force: true })
  return {
    sent: COUNT,
    received: arrivals.firsts.size,
    duplicates: arrivals.all - arrivals.firsts.size,
    out_of_order: arrivals.outOfOrder,
    dead,
    kills,
    per_s: Math.round((COUNT / tookMs) * 1_000),
    per_cpu_s: Math.round((COUNT / (user + system)) * 1e6),
    put_per_s: Math.round((COUNT / putMs) * 1_000),
    rss_mb: rssMb,
  }
}

async function fill(forwarder: Forwarder): Promise<number> {
  const startedMs = performance.now()
  for (let from = 0; from < COUNT; from += PER_PUT) {
    const numbers = Array.from({ length: Math.min(PER_PUT, COUNT - from) }, (_, at) => from + at)
    await forwarder.put(numbers.map((n) => findingNotice({ id: String(n), agent: `agent-${n % AGENTS}` })))
  }
  return performance.now() - startedMs
}

/** What is still in a receiver's hands; nothing more comes once it has been quiet for a while. */
async function arrived(arrivals: Arrivals, line: Line): Promise<void> {
  const endsMs = performance.now() + SETTLE_MS
  while (arrivals.firsts.size < COUNT && performance.now() < endsMs) {
    arrivals.take(await line.drain())
    await delay(50)
  }
  arrivals.take(await line.drain())
}

const post = (url: string) => new Exchange(new URL(url), { allowPrivate: true, timeoutMs: 10_000, maxBytes: 1 << 22 })
const header = { hostname: 'bench', appName: 'belay' }

async function overHttp(receiver: HttpReceiver, wireTo: (url: string) => Wire): Promise<Line> {
  await receiver.start()
  return {
    wire: wireTo(receiver.url),
    drain: async () => receiver.received.splice(0).map(({ text }) => text),
    kill: () => receiver.kill(),
    restart: () => receiver.start(),
    close: () => receiver.kill(),
  }
}

const LINES: Readonly<Record<string, (progress: Progress) => Promise<Line>>> = {
  async file() {
    const folder = mkdtempSync(join(tmpdir(), 'belay-bench-file-'))
    const path = join(folder, 'findings.ndjson')
    let at = 0
    return {
      wire: new RotatingFile({ path, maxBytes: 1e9, keep: 1 }),
      async drain() {
        const lines = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)
        const news = lines.slice(at)
        at = lines.length
        return news
      },
      close: async () => rmSync(folder, { recursive: true }),
    }
  },
  async 'syslog-tcp'() {
    const receiver = new SyslogReceiver()
    await receiver.start()
    return {
      wire: new SyslogStream({ host: '127.0.0.1', port: receiver.port, header, confirm: true, timeoutMs: 10_000 }),
      drain: async () => receiver.texts.splice(0),
      kill: () => receiver.kill(),
      restart: () => receiver.start(),
      close: () => receiver.kill(),
    }
  },
  async 'syslog-udp'() {
    const receiver = new UdpReceiver()
    await receiver.start()
    return {
      wire: new SyslogDatagram({ host: '127.0.0.1', port: receiver.port, header }),
      drain: async () => receiver.texts.splice(0),
      kill: () => receiver.kill(),
      restart: () => receiver.start(),
      close: () => receiver.kill(),
    }
  },
  splunk() {
    const receiver = new SplunkReceiver()
    return overHttp(receiver, (url) => {
      const channel = newChannel()
      return new SplunkHec({
        events: post(`${url}/services/collector/event`),
        acks: post(`${url}/services/collector/ack?channel=${channel}`),
        channel,
        token: receiver.token,
        shape: 'json',
        host: 'bench',
        clock: systemClock,
      })
    })
  },
  elastic: () =>
    overHttp(
      new BulkReceiver(),
      (url) => new ElasticBulk({ bulk: post(`${url}/${BULK_PATH}`), index: 'bench', now: Date.now }),
    ),
  otlp: () =>
    overHttp(
      new OtlpReceiver(),
      (url) => new OtlpLogs({ logs: post(`${url}/v1/logs`), headers: {}, product, now: Date.now }),
    ),
  webhook: () =>
    overHttp(
      new WebhookReceiver(),
      (url) => new WebhookPost({ http: post(url), isJson: true, batch: 100, secrets: [WEBHOOK_SECRET], now: Date.now }),
    ),
  async kafka(progress) {
    progress('starting Kafka')
    const kafka = await ownKafkaBroker()
    if (!kafka.available) throw new Error(`this benchmark needs Kafka: ${kafka.why}`)
    const { service } = kafka
    const topic = await readTopic(service.brokers, 'bench')
    return {
      wire: new KafkaTopic(new KafkaWriter({ brokers: service.brokers, clientId: 'bench' }), 'bench', true),
      drain: async () => topic.texts.splice(0),
      kill: () => service.kill(),
      restart: () => service.start(),
      async close() {
        await topic.close()
        await service.kill()
      },
    }
  },
}
