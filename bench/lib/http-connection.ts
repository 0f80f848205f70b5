import { connect, type Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')

/**
 * One kept-alive HTTP/1.1 connection with one request on its way, written as ready-made bytes: a client as cheap as it
 * gets, so that the server is what is measured. Answers must have a content-length.
 */
export class HttpConnection {
  private readonly socket: Socket
  private read: Buffer = Buffer.alloc(0)
  private answered: ((status: number) => void) | undefined
  private failed: ((error: Error) => void) | undefined

  constructor(url: URL) {
    this.socket = connect(Number(url.port), url.hostname)
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk) => this.take(chunk))
    this.socket.on('error', (error) => this.failed?.(error))
    this.socket.on('close', () => this.failed?.(new Error('the server closed the connection')))
  }

  /** Resolves with the status code. */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.answered = resolve
      this.failed = reject
      this.socket.write(request)
    })
  }

  close(): void {
    this.failed = undefined
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    this.read = this.read.length === 0 ? chunk : Buffer.concat([this.read, chunk])
    const end = this.read.indexOf(HEAD_END)
    if (end < 0) return
    const head = this.read.toString('latin1', 0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
    if (this.read.length < end + HEAD_END.length + length) return
    this.read = Buffer.alloc(0)
    this.answered?.(Number(head.slice(9, 12)))
  }
}

export function postRequest(url: URL, mediaType: string, body: string): Buffer {
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    `content-type: ${mediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** One event as it is, several as a batch. */
export function eventsRequest(url: URL, events: readonly string[]): Buffer {
  const [only] = events
  if (events.length === 1 && only !== undefined) return postRequest(url, 'application/cloudevents+json', only)
  return postRequest(url, 'application/cloudevents-batch+json', `[${events.join(',')}]`)
}
