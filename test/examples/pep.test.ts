import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { Pep } from 'belay/pep'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { callTool } from './pep-call-tool.ts'
import { serve } from './pep-serve.ts'

let pep: Pep
beforeEach(() => {
  pep = new Pep({ url: 'http://127.0.0.1:1' })
})
afterEach(() => pep.close(0))

const quarantine = (id: string): void => {
  const target = { kind: 'tool', id } as const
  const expiresMs = Date.now() + 60_000
  pep.containments.apply(
    { id: 'c-1', revision: 1, level: 'quarantine_tool', target, expiresMs, isEnforced: true },
    'stream',
    Date.now(),
  )
}

test('a gateway of your own', async () => {
  const call = (run: () => Promise<string>) => callTool(pep, 'pay', {}, run)
  expect(await call(async () => 'done')).toBe('done')
  await expect(call(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  quarantine('bank/pay')
  expect(await call(async () => 'done')).toContain('Refused by Belay, quarantined')
})

test('one line around a transport', async () => {
  const server = new Server({ name: 'files', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler(CallToolRequestSchema, () => ({ content: [] }))
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await serve(server, theirs, pep)
  const client = new Client({ name: 'agent', version: '1' })
  await client.connect(ours)
  expect((await client.callTool({ name: 'read', arguments: {} })).isError).toBeUndefined()
  quarantine('files/read')
  expect((await client.callTool({ name: 'read', arguments: {} })).isError).toBe(true)
  await client.close()
})
