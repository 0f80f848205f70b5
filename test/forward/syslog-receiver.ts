import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** What RFC 5424 section 6 says of a message: header fields, nil structured data, then the text to the end. */
const MESSAGE =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) - ([^\r\n]*)$/

/** The text of a syslog message. Throws for what RFC 5424 does not allow. */
export function parseSyslog(message: string): {
  readonly priority: number
  readonly msgId: string
  readonly text: string
} {
  const found = MESSAGE.exec(message)
  if (found === null || Number(found[1]) > 191)
    throw new Error(`not RFC 5424: ${JSON.stringify(message.slice(0, 200))}`)
  return { priority: Number(found[1]), msgId: found[6] ?? '', text: found[7] ?? '' }
}

/**
 * A strict receiver of octet-counted syslog, written from RFC 6587 section 3.4.1 and RFC 5425: it reads exactly as many
 * bytes as each frame says, closes its side at the end of the stream, and can die in the middle of a connection.
 */
export class SyslogReceiver {
  readonly texts: string[] = []
  readonly problems: string[] = []
  port = 0
  private readonly tls: TlsOptions | undefined
  private server: Server | undefined
  private readonly sockets = new Set<Socket>()

  constructor(tls?: TlsOptions) {
    this.tls = tls
  }

  /** Listens, on the same port as before after a kill. */
  async start(): Promise<void> {
    const serve = (socket: Socket) => this.serve(socket)
    // Half open, so that the end of the stream is answered only when everything before it was read.
    const server = this.tls
      ? createTlsServer({ ...this.tls, allowHalfOpen: true }, serve)
      : createTcpServer({ allowHalfOpen: true }, serve)
    server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.server = server
  }

  /** As a process that is killed: what was not read is gone, and whoever sends it learns so by a reset. */
  async kill(): Promise<void> {
    const server = this.server
    this.server = undefined
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    for (const socket of this.sockets) socket.resetAndDestroy()
    await closed
  }

  private serve(socket: Socket): void {
    let buffer: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      buffer = this.readFrames(Buffer.concat([buffer, chunk]))
    })
    socket.on('end', () => {
      if (buffer.length > 0) this.problems.push(`half a frame at the end: ${buffer.toString('utf8', 0, 100)}`)
      socket.end()
    })
    socket.on('error', () => socket.destroy())
  }

  private readFrames(buffer: Buffer): Buffer {
    let at = 0
    for (;;) {
      const blank = buffer.indexOf(0x20, at)
      if (blank < 0) break
      const length = Number(buffer.toString('ascii', at, blank))
      if (!Number.isInteger(length) || length <= 0) {
        this.problems.push(`no length where one must stand: ${buffer.toString('utf8', at, at + 50)}`)
        return Buffer.alloc(0)
      }
      if (buffer.length < blank + 1 + length) break
      this.take(buffer.toString('utf8', blank + 1, blank + 1 + length))
      at = blank + 1 + length
    }
    return buffer.subarray(at)
  }

  private take(message: string): void {
    try {
      this.texts.push(parseSyslog(message).text)
    } catch (error) {
      this.problems.push(String(error))
    }
  }
}
/** One message per datagram (RFC 5426). */
export class UdpReceiver {
  readonly texts: string[] = []
  port = 0
  private socket: UdpSocket | undefined

  async start(): Promise<void> {
    const socket = createSocket('udp4')
    socket.on('message', (message) => this.texts.push(parseSyslog(message.toString('utf8')).text))
    await new Promise<void>((resolve) => socket.bind(this.port, '127.0.0.1', resolve))
    this.port = socket.address().port
    this.socket = socket
  }

  async kill(): Promise<void> {
    const socket = this.socket
    this.socket = undefined
    await new Promise<void>((resolve) => (socket ? socket.close(() => resolve()) : resolve()))
  }
}
