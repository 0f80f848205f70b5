import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMcpHandler, inputRequired, Server } from '@modelcontextprotocol/server'

const OBJECT = { type: 'object' as const }
const TOOLS = [
  { name: 'read_notice', description: 'Reads a notice.', inputSchema: OBJECT, annotations: { readOnlyHint: true } },
  { name: 'send_payment', description: 'Pays an account.', inputSchema: OBJECT },
  { name: 'close_account', description: 'Asks first.', inputSchema: OBJECT },
]

/** A server on version 2 of the official SDK: both revisions of MCP over streamable HTTP. */
export class BankServer {
  /** names of the tools that ran */
  readonly ran: string[] = []
  private readonly http: HttpServer

  constructor() {
    const handler = createMcpHandler(() => this.newServer())
    this.http = createServer((request, response) => {
      void (async () => {
        const answer = await handler.fetch(await webRequest(request))
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        for await (const chunk of answer.body ?? []) response.write(chunk)
        response.end()
      })()
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/mcp`
  }

  close(): Promise<void> {
    this.http.closeAllConnections()
    return new Promise((resolve) => this.http.close(() => resolve()))
  }

  private newServer(): Server {
    const server = new Server({ name: 'bank', version: '3.1.4' }, { capabilities: { tools: {} } })
    server.setRequestHandler('tools/list', async () => ({ tools: TOOLS }))
    server.setRequestHandler('tools/call', async ({ params }, context) => {
      const isAnswered = context.mcpReq.inputResponses !== undefined
      if (params.name === 'close_account' && !isAnswered) return inputRequired({ inputRequests: { sure: CONFIRM } })
      this.ran.push(params.name)
      return { content: [{ type: 'text', text: `${params.name} done` }] }
    })
    return server
  }
}

const CONFIRM = {
  method: 'elicitation/create' as const,
  params: { mode: 'form' as const, message: 'Sure?', requestedSchema: { type: 'object' as const, properties: {} } },
}

async function webRequest(request: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
  const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks).toString() }
  return new Request(new URL(request.url ?? '/', 'http://127.0.0.1'), {
    method: request.method ?? 'GET',
    headers,
    ...body,
  })
}
