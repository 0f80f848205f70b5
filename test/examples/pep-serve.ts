import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { guardServer, type Pep } from 'belay/pep'

export async function serve(server: Server, transport: Transport, pep: Pep): Promise<void> {
  await server.connect(guardServer(transport, pep, { server: 'files' }))
}
