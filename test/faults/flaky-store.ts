import { createServer, request, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Mood = 'fine' | 'refuses' | 'cuts' | 'hangs'

/** Stands between Belay and ClickHouse and lets nothing through while it is not fine. */
export class FlakyStore {
  mood: Mood = 'fine'
  private readonly server: Server
  private readonly held = new Set<Socket>()

  constructor(target: string) {
    this.server = createServer((incoming, outgoing) => {
      if (this.mood === 'cuts') return incoming.socket.destroy()
      if (this.mood === 'hangs') return this.held.add(incoming.socket)
      if (this.mood === 'refuses') {
        incoming.resume()
        return outgoing
          .writeHead(500, { 'x-clickhouse-exception-code': '241' })
          .end('Code: 241. MEMORY_LIMIT_EXCEEDED\n')
      }
      const { method = 'GET', url = '/', headers } = incoming
      const through = request(new URL(url, target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      })
      through.on('error', () => outgoing.destroy())
      return incoming.pipe(through)
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve))
  }

  /** Works again; what hung is cut. */
  recover(): void {
    this.mood = 'fine'
    for (const socket of this.held) socket.destroy()
    this.held.clear()
  }

  stop(): Promise<void> {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }
}
