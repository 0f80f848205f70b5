import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Fate, Message, Sent, Wire } from '../wire.ts'
import { retry } from '../wire.ts'
import { type SyslogHeader, syslogMessage } from './syslog-message.ts'

export interface SyslogDatagramOptions {
  readonly host: string
  readonly port: number
  readonly header: SyslogHeader
  /** resolves names to addresses that may be sent to */
  readonly lookup?: NonNullable<SocketOptions['lookup']>
}

/** What fits into one datagram over IPv4 (RFC 5426 section 3.1, 3.2). */
const MAX_BYTES = 65_507

/**
 * Syslog over UDP (RFC 5426), one message per datagram. UDP says nothing of what arrives: `taken` means handed to the
 * network, and what a receiver that is down does not get is lost.
 */
export class SyslogDatagram implements Wire {
  readonly maxBatch = 50
  private readonly options: SyslogDatagramOptions
  private socket: Socket | undefined

  constructor(options: SyslogDatagramOptions) {
    this.options = options
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const fates: Fate[] = []
    for (const message of messages) {
      const bytes = Buffer.from(syslogMessage(message, this.options.header), 'utf8')
      if (bytes.length > MAX_BYTES)
        fates.push({ kind: 'refused', why: `${bytes.length} bytes do not fit into a datagram` })
      else {
        try {
          await this.sendOne(bytes)
          fates.push({ kind: 'taken' })
        } catch (error) {
          await this.close()
          return fates.length === 0
            ? retry(error)
            : { kind: 'answered', fates: restAgain(fates, messages.length, error) }
        }
      }
    }
    return { kind: 'answered', fates }
  }

  async close(): Promise<void> {
    const socket = this.socket
    this.socket = undefined
    socket?.close()
  }

  private sendOne(bytes: Buffer): Promise<void> {
    const { host, port, lookup } = this.options
    this.socket ??= createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ...(lookup && { lookup }) }).on(
      'error',
      () => {
        // Told to whoever sends next, by the failure of that.
        this.socket = undefined
      },
    )
    const { socket } = this
    return new Promise((resolve, reject) => {
      socket.send(bytes, port, host, (error) => (error ? reject(error) : resolve()))
    })
  }
}

function restAgain(fates: readonly Fate[], count: number, error: unknown): Fate[] {
  const why = error instanceof Error ? error.message : String(error)
  return [...fates, ...Array.from({ length: count - fates.length }, (): Fate => ({ kind: 'again', why }))]
}
