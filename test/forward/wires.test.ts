import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/dispatch/clock.ts'
import { Exchange } from '../../src/dispatch/gateway/exchange.ts'
import type { Wire } from '../../src/forward/wire.ts'
import { BULK_PATH, ElasticBulk } from '../../src/forward/wires/elastic.ts'
import { RotatingFile } from '../../src/forward/wires/file.ts'
import { OtlpLogs } from '../../src/forward/wires/otlp.ts'
import { newChannel, SplunkHec } from '../../src/forward/wires/splunk.ts'
import { SyslogDatagram } from '../../src/forward/wires/syslog-datagram.ts'
import { SyslogStream, type SyslogStreamOptions } from '../../src/forward/wires/syslog-stream.ts'
import { WebhookPost } from '../../src/forward/wires/webhook.ts'
import { messagesOf, type Received, type WireHarness, wireSuite } from '../../src/testing/wire-suite.ts'
import { onPath, unavailable } from '../services/service.ts'
import {
  BulkReceiver,
  type HttpReceiver,
  OtlpReceiver,
  SplunkReceiver,
  WEBHOOK_SECRET,
  WebhookReceiver,
} from './http-receiver.ts'
import { SyslogReceiver, UdpReceiver } from './syslog-receiver.ts'

const PRODUCT = { vendor: 'Belay', name: 'Belay', version: '1.2.3' }
const header = { hostname: 'belay-1', appName: 'belay' }
const post = (url: string) => new Exchange(new URL(url), { allowPrivate: true, timeoutMs: 5_000, maxBytes: 1 << 20 })
const asReceived = (text: string): Received => ({ id: (JSON.parse(text) as { readonly id: string }).id, text })

async function overHttp<R extends HttpReceiver>(receiver: R, wireTo: (url: string) => Wire): Promise<WireHarness> {
  await receiver.start()
  const wire = wireTo(receiver.url)
  return {
    wire,
    received: () => receiver.received,
    kill: () => receiver.kill(),
    restart: () => receiver.start(),
    async dispose() {
      await wire.close()
      await receiver.kill()
      expect(receiver.problems).toEqual([])
    },
  }
}

const splunk = (receiver: SplunkReceiver) => (url: string) => {
  const channel = newChannel()
  return new SplunkHec({
    events: post(`${url}/services/collector/event`),
    acks: post(`${url}/services/collector/ack?channel=${channel}`),
    channel,
    token: receiver.token,
    shape: 'json',
    host: 'belay-1',
    clock: systemClock,
  })
}
const elastic = (url: string) =>
  new ElasticBulk({ bulk: post(`${url}/${BULK_PATH}`), index: 'logs-belay', now: Date.now })
const otlp = (url: string) =>
  new OtlpLogs({ logs: post(`${url}/v1/logs`), headers: {}, product: PRODUCT, now: Date.now })
const webhook = (batch: number) => (url: string) =>
  new WebhookPost({ http: post(url), isJson: true, batch, secrets: [WEBHOOK_SECRET], now: Date.now })

wireSuite('Splunk HEC with acknowledgement', () => {
  const receiver = new SplunkReceiver()
  return overHttp(receiver, splunk(receiver))
})
wireSuite('Elastic bulk', () => overHttp(new BulkReceiver(), elastic))
wireSuite('OTLP logs', () => overHttp(new OtlpReceiver(), otlp))
wireSuite('a webhook with one message a request', () => overHttp(new WebhookReceiver(), webhook(1)))
wireSuite('a webhook with batches', () => overHttp(new WebhookReceiver(), webhook(100)))

async function overSyslog(receiver: SyslogReceiver, tls?: SyslogStreamOptions['tls']): Promise<WireHarness> {
  await receiver.start()
  const to = { host: '127.0.0.1', port: receiver.port, header, confirm: true, timeoutMs: 5_000 }
  return {
    wire: new SyslogStream({ ...to, ...(tls && { tls }) }),
    received: () => receiver.texts.map(asReceived),
    kill: () => receiver.kill(),
    restart: () => receiver.start(),
    async dispose() {
      await receiver.kill()
      expect(receiver.problems).toEqual([])
    },
  }
}

wireSuite('syslog over TCP', () => overSyslog(new SyslogReceiver()))

wireSuite('syslog over UDP', async () => {
  const receiver = new UdpReceiver()
  await receiver.start()
  const wire = new SyslogDatagram({ host: '127.0.0.1', port: receiver.port, header })
  return {
    wire,
    received: () => receiver.texts.map(asReceived),
    async dispose() {
      await wire.close()
      await receiver.kill()
    },
  }
})

wireSuite('a rotating file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'belay-file-'))
  const path = join(folder, 'out', 'findings.ndjson')
  const wire = new RotatingFile({ path, maxBytes: 1_000_000, keep: 2 })
  return {
    wire,
    received: () => readFileSync(path, 'utf8').trimEnd().split('\n').map(asReceived),
    async dispose() {
      await wire.close()
      rmSync(folder, { recursive: true })
    },
  }
})

const tools = onPath('openssl') ? { available: true } : unavailable('openssl', 'it is not on the path')

describe.skipIf(!tools.available)('with certificates', () => {
  const folder = tools.available ? mkdtempSync(join(tmpdir(), 'belay-tls-')) : ''
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem']
  const self = ['-days', '1', '-subj', '/CN=siem', '-addext', 'subjectAltName=IP:127.0.0.1']
  if (tools.available)
    execFileSync('openssl', ['req', '-x509', ...key, '-out', 'cert.pem', ...self], { cwd: folder, stdio: 'pipe' })
  const pem = (name: string) => readFileSync(join(folder, name), 'utf8')
  const receiver = () => new SyslogReceiver({ cert: pem('cert.pem'), key: pem('key.pem') })

  wireSuite('syslog over TLS', () => overSyslog(receiver(), { ca: pem('cert.pem') }))

  it('sends nothing to a receiver whose certificate is not trusted', async () => {
    const harness = await overSyslog(receiver(), {})
    const sent = await harness.wire.send(messagesOf(1))
    expect(sent).toMatchObject({ kind: 'retry', why: expect.stringMatching(/self-signed certificate/) as string })
    expect(await harness.received()).toEqual([])
    await harness.dispose()
    rmSync(folder, { recursive: true })
  })
})

describe('what receivers say', () => {
  it('Elastic: an item for itself: 409 is taken, 429 comes again, 400 is refused', async () => {
    const receiver = new BulkReceiver()
    const harness = await overHttp(receiver, elastic)
    const messages = messagesOf(4)
    for (const [at, status] of [409, 429, 400].entries()) receiver.itemStatuses.set(messages[at]?.id ?? '', status)
    const sent = await harness.wire.send(messages)
    expect(sent.kind === 'answered' && sent.fates.map(({ kind }) => kind)).toEqual([
      'taken',
      'again',
      'refused',
      'taken',
    ])
    await harness.dispose()
  })

  it.each([
    [{ status: 400, body: { code: 6, text: 'Invalid data format' } }, 'refused'],
    [{ status: 400, body: { code: 7, text: 'Incorrect index' } }, 'retry'],
    [{ status: 401, body: { code: 2, text: 'Token is required' } }, 'retry'],
    [{ status: 403, body: { code: 4, text: 'Invalid token' } }, 'retry'],
    [{ status: 413 }, 'refused'],
    [{ status: 503, body: { code: 9, text: 'Server is busy' }, headers: { 'retry-after': '7' } }, 'retry'],
  ] as const)('Splunk: %j means %s', async (reply, kind) => {
    const receiver = new SplunkReceiver()
    const harness = await overHttp(receiver, splunk(receiver))
    receiver.replies.push(reply)
    const sent = await harness.wire.send(messagesOf(2))
    expect(sent).toMatchObject({ kind, ...(reply.status === 503 && { afterMs: 7_000 }) })
    await harness.dispose()
  })

  it('OTLP: a partial success is not sent again, all of it is kept as refused', async () => {
    const receiver = new OtlpReceiver()
    const harness = await overHttp(receiver, otlp)
    receiver.replies.push({
      status: 200,
      body: { partialSuccess: { rejectedLogRecords: '1', errorMessage: 'too old' } },
    })
    const sent = await harness.wire.send(messagesOf(2))
    expect(sent.kind === 'answered' && sent.fates.map(({ kind }) => kind)).toEqual(['refused', 'refused'])
    await harness.dispose()
  })

  it('a file is rotated before it grows too large, and half a line of a crash does not join the next', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'belay-file-'))
    const path = join(folder, 'f')
    const [one, two, three] = messagesOf(3)
    if (!one || !two || !three) throw new Error('three messages')
    const bytes = Buffer.byteLength(one.text) + 1
    execFileSync('sh', ['-c', `printf half > ${path}`])
    const wire = new RotatingFile({ path, maxBytes: bytes + 10, keep: 1 })
    await wire.send([one])
    expect(readFileSync(path, 'utf8')).toBe(`half\n${one.text}\n`)
    await wire.send([two])
    await wire.send([three])
    await wire.close()
    expect([readFileSync(path, 'utf8'), readFileSync(`${path}.1`, 'utf8')]).toEqual([
      `${three.text}\n`,
      `${two.text}\n`,
    ])
    rmSync(folder, { recursive: true })
  })
})
