import type { SocketOptions } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { KafkaWriter } from '../../accept/kafka/writer.ts'
import { systemClock } from '../../dispatch/clock.ts'
import { isPublicAddress, publicLookup, refusal } from '../../dispatch/gateway/address.ts'
import { Exchange } from '../../dispatch/gateway/exchange.ts'
import type { Product } from '../../forward/shape.ts'
import { shapes } from '../../forward/shapes/index.ts'
import type { Wire } from '../../forward/wire.ts'
import { BULK_PATH, ElasticBulk } from '../../forward/wires/elastic.ts'
import { RotatingFile } from '../../forward/wires/file.ts'
import type { HttpPost } from '../../forward/wires/http.ts'
import { KafkaTopic } from '../../forward/wires/kafka.ts'
import { OtlpLogs } from '../../forward/wires/otlp.ts'
import { newChannel, SplunkHec } from '../../forward/wires/splunk.ts'
import { SyslogDatagram } from '../../forward/wires/syslog-datagram.ts'
import { SyslogStream } from '../../forward/wires/syslog-stream.ts'
import { WebhookPost } from '../../forward/wires/webhook.ts'
import { ConfigError, type Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import type { Log } from '../log.ts'
import { kafkaConnection } from './kafka.ts'

export type DestinationSection = Config['forward'][number]
type Of<Name extends keyof DestinationSection> = NonNullable<DestinationSection[Name]>

interface Context {
  readonly settings: Settings
  readonly section: DestinationSection
  /** where it stands in the configuration, for messages */
  readonly path: string
  readonly product: Product
  readonly log: Log
}

const BYTES_PER_MEGABYTE = 1_000_000

/** The wire that the section names; that there is exactly one was checked. Throws ConfigError. */
export function openWire(settings: Settings, section: DestinationSection, product: Product, log: Log): Wire {
  const context = { settings, section, path: `forward.${section.name}`, product, log }
  const { file, syslog, splunk, elastic, kafka, otlp, webhook } = section
  if (file) return new RotatingFile({ ...file, maxBytes: file.maxMegabytes * BYTES_PER_MEGABYTE })
  if (syslog) return syslogWire(context, syslog)
  if (splunk) return splunkWire(context, splunk)
  if (elastic) return elasticWire(context, elastic)
  if (kafka) return kafkaWire(context, kafka)
  if (otlp) return otlpWire(context, otlp)
  if (webhook) return webhookWire(context, webhook)
  throw new ConfigError('forward', [`${context.path}: has no wire`])
}

const TIMEOUT_MS = 10_000

function syslogWire({ settings, path }: Context, syslog: Of<'syslog'>): Wire {
  const { host, port, transport, ca, cert, key, serverName, confirm, allowPrivate } = syslog
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host))
    throw new ConfigError(path, [`${path}.syslog.host: ${refusal(host, host).message}`])
  const header = { hostname: syslog.hostname ?? hostname(), appName: 'belay' }
  if (transport === 'udp')
    return new SyslogDatagram({ host, port, header, ...(!allowPrivate && { lookup: publicOnly }) })
  const to = { host, port, header, ...(!allowPrivate && { lookup: publicLookup }) }
  if (transport === 'tcp') return new SyslogStream({ ...to, confirm, timeoutMs: TIMEOUT_MS })
  const tls = {
    ...(ca !== undefined && { ca: pem(`${path}.syslog.ca`, ca) }),
    ...(cert !== undefined && { cert: pem(`${path}.syslog.cert`, cert) }),
    ...(key && { key: settings.secret(key) }),
    ...(serverName !== undefined && { serverName }),
  }
  return new SyslogStream({ ...to, confirm, timeoutMs: TIMEOUT_MS, tls })
}

/** Datagram sockets ask for one address of one family, which Node passes as a number. */
const publicOnly: NonNullable<SocketOptions['lookup']> = (host, family, callback) =>
  publicLookup(host, { family: Number(family) }, (error, address, found = 4) =>
    callback(error, Array.isArray(address) ? '' : address, found),
  )

function splunkWire({ settings, section, path }: Context, splunk: Of<'splunk'>): Wire {
  const { token, ack, index, sourcetype } = splunk
  const channel = newChannel()
  const post = (at: string) => httpPost(`${path}.splunk`, splunk, `services/collector/${at}`)
  return new SplunkHec({
    events: post('event'),
    ...(ack && { acks: post(`ack?channel=${channel}`) }),
    channel,
    token: settings.secret(token),
    shape: section.shape,
    ...(index !== undefined && { index }),
    ...(sourcetype !== undefined && { sourcetype }),
    host: hostname(),
    clock: systemClock,
  })
}

function elasticWire({ settings, path }: Context, elastic: Of<'elastic'>): Wire {
  const { index, apiKey, user, password } = elastic
  const login =
    user !== undefined && password
      ? `Basic ${Buffer.from(`${user}:${settings.secret(password)}`).toString('base64')}`
      : undefined
  const authorization = apiKey ? `ApiKey ${settings.secret(apiKey)}` : login
  const bulk = httpPost(`${path}.elastic`, elastic, BULK_PATH)
  return new ElasticBulk({ bulk, index, ...(authorization !== undefined && { authorization }), now: Date.now })
}

function kafkaWire({ settings, section, path, log }: Context, out: Of<'kafka'>): Wire {
  const { kafka } = settings.config
  const { topic, brokers, tls, sasl } = out
  const clientId = kafka?.clientId ?? 'belay'
  const cluster = brokers === undefined ? kafka : { brokers, clientId, ...(tls && { tls }), ...(sasl && { sasl }) }
  if (!cluster) throw new ConfigError(path, [`${path}.kafka.brokers: missing`])
  return new KafkaTopic(new KafkaWriter(kafkaConnection(settings, cluster, log)), topic, shapes[section.shape].isJson)
}

function otlpWire({ settings, path, product }: Context, otlp: Of<'otlp'>): Wire {
  const { token } = otlp
  return new OtlpLogs({
    logs: httpPost(`${path}.otlp`, otlp, 'v1/logs'),
    headers: token ? { authorization: `Bearer ${settings.secret(token)}` } : {},
    product,
    now: Date.now,
  })
}

function webhookWire({ settings, section, path }: Context, webhook: Of<'webhook'>): Wire {
  const { secrets, token, batch } = webhook
  try {
    return new WebhookPost({
      http: httpPost(`${path}.webhook`, webhook),
      isJson: shapes[section.shape].isJson,
      batch,
      secrets: secrets.map(settings.secret),
      ...(token && { authorization: `Bearer ${settings.secret(token)}` }),
      now: Date.now,
    })
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(path, [`${path}.webhook.secrets: expected whsec_<base64>`])
  }
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024

interface HttpTarget {
  readonly url: string
  readonly ca?: string
  readonly allowPrivate: boolean
}

/** POSTs to this URL, or to a path below it. TLS and its verification are not for choice; plain HTTP only inside. */
function httpPost(path: string, { url, ca, allowPrivate }: HttpTarget, below?: string): HttpPost {
  const base = new URL(url)
  if (base.protocol !== 'https:' && !allowPrivate)
    throw new ConfigError(path, [`${path}.url: must be https (http only together with allowPrivate)`])
  if (base.username !== '' || base.password !== '')
    throw new ConfigError(path, [`${path}.url: carries a password; there is a key of its own for it`])
  const target = below === undefined ? base : new URL(below, url.endsWith('/') ? url : `${url}/`)
  return new Exchange(target, {
    allowPrivate,
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
    ...(ca !== undefined && { ca: pem(`${path}.ca`, ca) }),
  })
}

function pem(path: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(path, [`${path}: ${cause instanceof Error ? cause.message : String(cause)}`])
  }
}
