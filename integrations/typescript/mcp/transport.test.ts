import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Pep } from '../pep.ts'
import { guardClient, guardServer } from './transport.ts'

/** Belay is away: what is known to be contained is held all the same. */
const AWAY = 'http://127.0.0.1:1'

describe.each(['server', 'client'] as const)('one line at the %s of the official SDK', (side) => {
  let pep: Pep
  let client: Client
  let ran: string[]
  beforeEach(async () => {
    pep = new Pep({ url: AWAY })
    ran = []
    const server = new Server({ name: 'files', version: '1' }, { capabilities: { tools: {} } })
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: [{ name: 'pay', inputSchema: { type: 'object' as const } }],
    }))
    server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
      ran.push(params.name)
      return { content: [{ type: 'text' as const, text: 'done' }] }
    })
    client = new Client({ name: 'agent', version: '1' })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    const about = { server: 'files', agent: 'bot', session: 'run-1' }
    await server.connect(side === 'server' ? guardServer(theirs, pep, about) : theirs)
    await client.connect(side === 'client' ? guardClient(ours, pep, about) : ours)
  })
  afterEach(async () => {
    await client.close()
    await pep.close(0)
  })

  it('calls pass, and a contained one never runs', async () => {
    const pay = () => client.callTool({ name: 'pay', arguments: { to: 'x' } })
    expect((await client.listTools()).tools).toHaveLength(1)
    expect(await pay()).toMatchObject({ content: [{ text: 'done' }] })
    const containment = {
      id: 'c-1',
      revision: 1,
      level: 'quarantine_tool',
      target: { kind: 'tool', id: 'files/pay' },
    } as const
    pep.containments.apply({ ...containment, expiresMs: Date.now() + 60_000, isEnforced: true }, 'callback', Date.now())
    expect(await pay()).toMatchObject({ isError: true, _meta: { 'belay/refusal': { code: 'quarantined' } } })
    pep.containments.release(
      { ...containment, revision: 2, expiresMs: Date.now() + 60_000, isEnforced: true },
      'callback',
      Date.now(),
    )
    expect(await pay()).toMatchObject({ content: [{ text: 'done' }] })
    expect(ran).toEqual(['pay', 'pay'])
    expect(pep.counts.waiting).toBeGreaterThan(0)
  })
})
