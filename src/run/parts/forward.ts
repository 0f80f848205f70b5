import { mkdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../dispatch/clock.ts'
import { isPublicAddress, publicLookup, refusal } from '../../dispatch/gateway/address.ts'
import { Backlog } from '../../forward/backlog.ts'
import type { DestinationPlan, ForwardObserver } from '../../forward/destination.ts'
import { Forwarder, NoticeDesk } from '../../forward/forwarder.ts'
import type { NoticeKind } from '../../forward/notice.ts'
import type { Product } from '../../forward/shape.ts'
import { shapes } from '../../forward/shapes/index.ts'
import type { Wire } from '../../forward/wire.ts'
import { RotatingFile } from '../../forward/wires/file.ts'
import { SyslogStream } from '../../forward/wires/syslog-stream.ts'
import { ConfigError, type Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { version } from '../version.ts'
import type { Keys } from './keys.ts'

type Section = Config['forward'][number]

export interface ForwardRoom {
  /** what the pipeline tells */
  readonly desk: NoticeDesk
  /** what sends; absent where another process does */
  readonly forwarder?: Forwarder
  /** Sends until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** After `run` has ended. */
  close(): Promise<void>
}

interface Context {
  readonly keys: Keys
  readonly log: Log
  readonly metrics: Metrics
}

const MS_PER_DAY = 86_400_000

/** Undefined where nothing is forwarded. Throws ConfigError. */
export function openForward(settings: Settings, { keys, log, metrics }: Context): ForwardRoom | undefined {
  const { config } = settings
  if (config.forward.length === 0) return undefined
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const forwarder = new Forwarder(
    config.forward.map((section) => planOf(settings, section)),
    {
      backlog: new Backlog(join(config.data, 'forward.db')),
      clock: systemClock,
      product: productOf(),
      redactionKey: keys.redaction,
      random: Math.random,
      observe: witnessForward(log, metrics),
      keepMs: config.retention.undeliveredDays * MS_PER_DAY,
    },
  )
  return {
    desk: new NoticeDesk(forwarder, wantedBy(config)),
    forwarder,
    run: (signal) => forwarder.run(signal),
    close: () => forwarder.close(),
  }
}

function wantedBy({ forward }: Config): ReadonlySet<NoticeKind> {
  return new Set(forward.flatMap(({ send }) => send))
}

export function productOf(): Product {
  return { vendor: 'Belay', name: 'Belay', version: version() }
}

export function planOf(settings: Settings, section: Section): DestinationPlan {
  const { name, shape, send, severity, tenants, tags, redact, perSecond } = section
  return {
    name,
    shape: shapes[shape],
    wire: wireOf(settings, section),
    filter: {
      kinds: send,
      ...(severity && { severity }),
      ...(tenants && { tenants }),
      ...(tags && { tags }),
    },
    redact: new Set(redact),
    ...(perSecond !== undefined && { perSecond }),
  }
}

const TIMEOUT_MS = 10_000

/** The configuration was checked: exactly one wire is there. */
function wireOf(settings: Settings, section: Section): Wire {
  const { syslog, file } = section
  if (syslog) return syslogWire(settings, section.name, syslog)
  if (file) return new RotatingFile({ path: file.path, maxBytes: file.maxMegabytes * 1_000_000, keep: file.keep })
  throw new ConfigError('forward', [`forward.${section.name}: has no wire`])
}

function syslogWire({ secret }: Settings, name: string, section: NonNullable<Section['syslog']>): Wire {
  const { host, port, transport, ca, cert, key, serverName, confirm, allowPrivate } = section
  const path = `forward.${name}.syslog`
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host))
    throw new ConfigError(path, [`${path}.host: ${refusal(host, host).message}`])
  const header = { hostname: section.hostname ?? hostname(), appName: 'belay' }
  const shared = { host, port, header, timeoutMs: TIMEOUT_MS, ...(!allowPrivate && { lookup: publicLookup }) }
  if (transport !== 'tls') return new SyslogStream({ ...shared, confirm })
  const tls = {
    ...(ca !== undefined && { ca: pem(`${path}.ca`, ca) }),
    ...(cert !== undefined && { cert: pem(`${path}.cert`, cert) }),
    ...(key && { key: secret(key) }),
    ...(serverName !== undefined && { serverName }),
  }
  return new SyslogStream({ ...shared, confirm, tls })
}

function pem(path: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(path, [`${path}: ${cause instanceof Error ? cause.message : String(cause)}`])
  }
}

/** What happens to messages, as logs and metrics: the first failure of a row and then each power of two is logged. */
function witnessForward(log: Log, metrics: Metrics): ForwardObserver {
  return {
    sent: (destination, count, lagMs) => metrics.forwarded(destination, count, lagMs),
    failed(destination, why, failuresInARow) {
      metrics.notForwarded(destination, 'failed', 1)
      if ((failuresInARow & (failuresInARow - 1)) !== 0) return
      log.warn({ destination, why, failuresInARow }, 'not forwarded; it waits and is tried again')
    },
    buried(destination, id, why) {
      metrics.notForwarded(destination, 'refused', 1)
      log.error({ destination, id, why }, 'refused by the receiver; see `belay forward dead`')
    },
    expired(destination, count) {
      metrics.notForwarded(destination, 'expired', count)
      log.error({ destination, count }, 'given up: the receiver was away for longer than retention.undeliveredDays')
    },
  }
}
