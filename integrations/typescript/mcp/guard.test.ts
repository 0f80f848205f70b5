import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../../src/model/event.ts'
import type { Level } from '../../../src/model/order.ts'
import { json, ScriptedServer } from '../../../test/integrations/scripted-server.ts'
import { systemClock } from '../clock.ts'
import { Pep } from '../pep.ts'
import { McpGuard } from './guard.ts'
import { META } from './messages.ts'
import { Parties } from './party.ts'
import { ToolBook } from './tool-book.ts'

describe('the guard between an MCP client and its server', () => {
  const sent: CloudEvent[] = []
  const belay = new ScriptedServer(({ url, body }, response) => {
    if (url.startsWith('/v1/decisions?')) return json(response, 200, { action: 'allow', ttl: 2 })
    if (url !== '/v1/events') return json(response, 404, {})
    sent.push(...(JSON.parse(body) as CloudEvent[]))
    return json(response, 202, {})
  })
  let pep: Pep
  let guard: McpGuard
  beforeEach(async () => {
    sent.length = 0
    pep = new Pep({ url: await belay.listen(), decisionTimeoutMs: 30_000 })
    const parties = new Parties({ server: 'files', agent: 'bot' }, systemClock)
    const partyOf = (request: Parameters<typeof parties.of>[0]) =>
      parties.of(request, { transport: 'stdio', connection: 's1' })
    guard = new McpGuard({ pep, tools: new ToolBook(), partyOf, now: Date.now })
  })
  afterEach(async () => {
    await pep.close(0)
    await belay.close()
  })

  const hold = (level: Level): void => {
    const target = { kind: 'session', id: 's1' } as const
    pep.containments.apply(
      { id: 'c-1', revision: 1, level, target, expiresMs: Date.now() + 60_000, isEnforced: true },
      'stream',
      Date.now(),
    )
  }
  const request = (method: string, params: object = {}, id: number | string = 1) => ({
    jsonrpc: '2.0',
    id,
    method,
    params,
  })
  const call = (name: string, meta: object = {}) => request('tools/call', { name, arguments: { a: 1 }, _meta: meta })
  const told = async (): Promise<readonly CloudEvent['data'][]> => {
    await pep.flush(30_000)
    return sent.map(({ data }) => data).filter(({ op }) => op !== 'heartbeat')
  }

  it('lets everything else pass at once, known or not', () => {
    for (const message of [
      request('tools/list'),
      request('x-vendor/unknown'),
      { jsonrpc: '2.0', id: 5, result: {} },
      { odd: true },
      7,
      null,
    ])
      expect(guard.toServer(message)).toEqual({ kind: 'forward' })
  })

  it('tells of a call before and after, with what the list said of its tool', async () => {
    void guard.toServer(request('tools/list', {}, 'l'))
    const inputSchema = { type: 'object', properties: { a: {} } }
    guard.toClient({
      jsonrpc: '2.0',
      id: 'l',
      result: {
        tools: [{ name: 'read', description: 'Reads.', inputSchema, annotations: { readOnlyHint: true, title: 'x' } }],
      },
    })
    expect(await guard.toServer(call('read'))).toEqual({ kind: 'forward' })
    guard.toClient({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: '[1,2,3]' }] } })
    const [list, before, after] = await told()
    expect(list).toMatchObject({
      op: 'tools/list',
      phase: 'response',
      tools: [{ name: 'read', description: 'Reads.', input_schema: inputSchema }],
    })
    const tool = {
      name: 'read',
      annotations: { readOnlyHint: true },
      schema_sha256: expect.any(String),
      description_sha256: expect.any(String),
    }
    expect(before).toMatchObject({
      phase: 'request',
      tool,
      args: { a: 1 },
      decision: { action: 'allow', enforced: false },
    })
    expect(after).toMatchObject({
      phase: 'response',
      tool,
      call_id: before?.call_id,
      result: { status: 'ok', records: 3, sample: '[1,2,3]' },
    })
  })

  it.each([
    [{ error: { code: -32_000, message: 'no' } }, { status: 'error', error_code: '-32000' }],
    [{ result: { isError: true, content: [] } }, { status: 'error', error_code: 'tool_error' }],
    [{ result: { resultType: 'input_required', inputRequests: {} } }, { status: 'input_required' }],
  ])('a response %j is %j', async (response, result) => {
    await guard.toServer(call('read'))
    guard.toClient({ jsonrpc: '2.0', id: 1, ...response })
    expect((await told())[1]).toMatchObject({ result })
  })

  it('refuses a call in words for the model, with the type of result that the revision asks for', async () => {
    hold('suspend_session')
    const old = await guard.toServer(call('read'))
    expect(old).toMatchObject({
      kind: 'answer',
      response: { id: 1, result: { isError: true, content: [{ text: expect.stringContaining('suspended') }] } },
    })
    expect(JSON.stringify(old)).not.toContain('resultType')
    const modern = await guard.toServer(call('read', { [META.protocol]: '2026-07-28' }))
    expect(modern).toMatchObject({
      response: {
        result: { resultType: 'complete', _meta: { 'belay/refusal': { code: 'suspended', containmentId: 'c-1' } } },
      },
    })
    expect(await guard.toServer(request('resources/read', { uri: 'file:///x' }))).toMatchObject({
      response: { error: { code: -32_010, data: { code: 'suspended' } } },
    })
    const [denied] = await told()
    expect(denied).toMatchObject({
      phase: 'response',
      result: { status: 'denied' },
      decision: { enforced: true, id: 'c-1' },
    })
  })

  it('read-only: no hint is not read-only, and a resource is read', async () => {
    hold('restrict_read_only')
    expect(await guard.toServer(call('read'))).toMatchObject({ response: { result: { isError: true } } })
    expect(await guard.toServer(request('resources/read', { uri: 'file:///x' }))).toEqual({ kind: 'forward' })
  })

  it('a call without an id goes nowhere; one that is taken back while it is decided does not either', async () => {
    expect(guard.toServer({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'pay' } })).toEqual({
      kind: 'answer',
      response: undefined,
    })
    const deciding = guard.toServer(call('pay'))
    expect(guard.toServer({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })).toEqual({
      kind: 'answer',
      response: undefined,
    })
    expect(await deciding).toEqual({ kind: 'answer', response: undefined })
    expect((await told()).at(-1)).toMatchObject({ result: { status: 'cancelled' } })
    expect(guard.toServer({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })).toEqual({
      kind: 'forward',
    })
  })

  it('tells what a server asks by itself, and which calls it never answered', async () => {
    await guard.toServer(call('read'))
    guard.toClient(request('elicitation/create', {}, 9))
    guard.toClient({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    guard.end({ status: 'cancelled' })
    const ops = (await told()).map(({ op, phase, result }) => `${op} ${phase} ${result?.status ?? ''}`)
    expect(ops.slice(1)).toEqual([
      'elicitation/create request ',
      'notifications/tools/list_changed request ',
      'tools/call response cancelled',
    ])
  })
})
