import { connect as connectTcp, type LookupFunction, type NetConnectOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { allTaken, type Message, retry, type Sent, type Wire } from '../wire.ts'
import { type SyslogHeader, syslogMessage } from './syslog-message.ts'

export interface SyslogStreamOptions {
  readonly host: string
  readonly port: number
  readonly header: SyslogHeader
  /** present: TLS (RFC 5425); PEM texts, without `ca` the system's authorities are trusted */
  readonly tls?: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    /** the name in the receiver's certificate, where it differs from `host` */
    readonly serverName?: string
  }
  /**
   * Whether a batch counts as taken only when the receiver has closed its side after reading to the end. Without it a
   * batch counts as taken when the operating system has it, and a receiver that dies loses what it had not read.
   */
  readonly confirm: boolean
  readonly timeoutMs: number
  /** resolves names to addresses that may be connected to */
  readonly lookup?: LookupFunction
}

/**
 * Syslog over TCP or TLS with octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3). Syslog has no
 * acknowledgement, so each batch has a connection of its own: the batch is written, our side is closed, and a receiver
 * that has read to the end closes its own. One that dies before that resets the connection, and the batch is sent again.
 */
export class SyslogStream implements Wire {
  readonly maxBatch = 1_000
  private readonly options: SyslogStreamOptions

  constructor(options: SyslogStreamOptions) {
    this.options = options
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const frames = messages.map((message) => frame(syslogMessage(message, this.options.header)))
    try {
      await this.deliver(Buffer.concat(frames))
      return allTaken(messages)
    } catch (error) {
      return retry(error)
    }
  }

  async close(): Promise<void> {
    // Nothing outlives a batch.
  }

  private deliver(bytes: Buffer): Promise<void> {
    const { timeoutMs, confirm } = this.options
    return new Promise<void>((resolve, reject) => {
      const socket = this.connect()
      let isWritten = false
      const timer = setTimeout(() => socket.destroy(new Error(this.tooSlow(isWritten))), timeoutMs)
      const settle = (error?: Error) => {
        clearTimeout(timer)
        socket.destroy()
        if (error === undefined) resolve()
        else reject(error)
      }
      socket.once('error', settle)
      socket.once('close', () => settle(new Error('the connection was closed before the batch was read')))
      // Some receivers talk back; what they say has no meaning here, but it must be read for their end to be seen.
      socket.resume()
      socket.once('end', () => settle(isWritten ? undefined : new Error('the receiver closed the connection')))
      socket.once(this.options.tls ? 'secureConnect' : 'connect', () => {
        socket.end(bytes, () => {
          isWritten = true
          if (!confirm) settle()
        })
      })
    })
  }

  private connect(): Socket {
    const { host, port, tls, lookup } = this.options
    const to: NetConnectOpts = { host, port, ...(lookup && { lookup }), allowHalfOpen: true } as NetConnectOpts
    if (tls === undefined) return connectTcp(to)
    const { ca, cert, key, serverName } = tls
    return connectTls({
      ...(to as ConnectionOptions),
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(serverName !== undefined && { servername: serverName }),
    })
  }

  private tooSlow(isWritten: boolean): string {
    return isWritten
      ? `the receiver did not close its side within ${this.options.timeoutMs} ms of the end; if it never does, set confirm: false`
      : `not connected and written within ${this.options.timeoutMs} ms`
  }
}

function frame(message: string): Buffer {
  const bytes = Buffer.from(message, 'utf8')
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes])
}
