import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HttpGateway, type HttpGatewayOptions } from '../../src/dispatch/gateway/http.ts'
import {
  PLACEHOLDERS,
  type RequestTemplate,
  renderTemplate,
  TemplateError,
} from '../../src/dispatch/gateway/template.ts'
import { gatewaySuite, type Reaction } from '../../src/testing/gateway-suite.ts'
import { lease } from '../../src/testing/orders.ts'
import { Api, json, status } from './api.ts'

const TOOL = { level: 'quarantine_tool', target: { kind: 'tool', id: 'files/read_file' } } as const

function options(url: string, over: Partial<HttpGatewayOptions> = {}): HttpGatewayOptions {
  const request = (verb: string): RequestTemplate => ({
    method: 'POST',
    url: `${url}/servers/{{target.server}}/tools/{{target.tool}}/${verb}?by={{id}}`,
    headers: { authorization: 'Bearer {{secret}}', 'x-reason': '{{severity}}' },
    body: { reason: '{{level}}: {{reason}}', score: '{{score}}', nested: [{ ends: '{{expires_at}}' }] },
  })
  return {
    name: 'edge',
    allowPrivate: true,
    secret: 's3cret',
    actions: [
      {
        levels: new Set(['quarantine_tool']),
        targets: new Set(['tool']),
        apply: request('disable'),
        release: request('enable'),
      },
    ],
    ping: { method: 'GET', url: `${url}/health`, headers: {} },
    timeoutMs: 1_000,
    ...over,
  }
}

gatewaySuite(
  'HttpGateway',
  async () => {
    const api = await new Api(status(200)).start()
    const gateway = new HttpGateway(options(api.url), Date.now)
    return {
      gateway,
      async react(reaction: Reaction) {
        if (reaction === 'away') await api.stop()
        else if (reaction === 'hang') api.answer = () => undefined
        else if (reaction === 'busy') api.answer = status(503)
        else if (reaction === 'no') api.answer = status(422)
        else api.answer = status(200)
      },
      async dispose() {
        gateway.close()
        await api.stop()
      },
    }
  },
  { order: TOOL, without: ['duplicate', 'unsupported', 'not_found', 'pending'] },
)

describe('HttpGateway', () => {
  const api = new Api(status(204))
  let gateway: HttpGateway
  beforeEach(async () => {
    api.asked.length = 0
    api.answer = status(204)
    await api.start()
    gateway = new HttpGateway(options(api.url), Date.now)
  })
  afterEach(async () => {
    gateway.close()
    await api.stop()
  })

  it('asks what the operator wrote, with the order in it, and the contrary to release', async () => {
    const one = lease({ ...TOOL, reason: 'poisoned "text"\n', score: 0.5 })
    expect(await gateway.deliver('apply', one)).toEqual({ kind: 'acknowledged', status: 'applied' })
    await gateway.deliver('release', one)
    await gateway.deliver('ping', one)
    const [apply, release, ping] = api.asked
    expect(apply).toMatchObject({ method: 'POST', url: `/servers/files/tools/read_file/disable?by=${one.order.id}` })
    expect(apply?.headers).toMatchObject({
      authorization: 'Bearer s3cret',
      'x-reason': 'high',
      'content-type': 'application/json',
    })
    expect(JSON.parse(apply?.body ?? '')).toEqual({
      reason: 'quarantine_tool: poisoned "text"\n',
      score: 0.5,
      nested: [{ ends: new Date(one.order.expiresMs).toISOString() }],
    })
    expect(release?.url).toContain('/enable?')
    expect(ping).toMatchObject({ method: 'GET', url: '/health', body: '' })
  })

  it('says which orders it has no action for, and asks nothing for them', async () => {
    expect(gateway.cannot(lease(TOOL).order)).toBeUndefined()
    const other = lease({ level: 'suspend_session' })
    expect(gateway.cannot(other.order)).toBe('it has no action for suspend_session of a session')
    expect(await gateway.deliver('apply', other)).toMatchObject({ status: 'unsupported' })
    const unnamed = lease({ level: 'quarantine_tool', target: { kind: 'tool', id: 'no-server' } })
    expect(await gateway.deliver('apply', unnamed)).toMatchObject({
      status: 'unsupported',
      detail: 'an order on tool has no target.server',
    })
    expect(api.asked).toEqual([])
  })

  it('believes a success only with its proof in it, where one is asked for', async () => {
    const apply: RequestTemplate = {
      method: 'POST',
      url: `${api.url}/off`,
      headers: {},
      proof: { pointer: '/tool/state', equals: 'off' },
    }
    const proven = new HttpGateway(
      options(api.url, { actions: [{ levels: new Set(['quarantine_tool']), targets: new Set(['tool']), apply }] }),
      Date.now,
    )
    for (const [answer, kind] of [
      [json(200, { tool: { state: 'off' } }), 'acknowledged'],
      [json(200, { tool: { state: 'on' } }), 'refused'],
      [json(200, []), 'refused'],
      [status(200), 'refused'],
    ] as const) {
      api.answer = answer
      expect((await proven.deliver('apply', lease(TOOL))).kind).toBe(kind)
    }
    proven.close()
  })

  it('follows no redirect', async () => {
    api.answer = (_asked, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()
    expect(await gateway.deliver('apply', lease(TOOL))).toMatchObject({ kind: 'refused' })
    expect(api.asked).toHaveLength(1)
  })

  it.each<readonly [string, Partial<RequestTemplate>]>([
    ['a placeholder in the host', { url: 'http://{{target.server}}.example/' }],
    ['a placeholder in the port', { url: 'http://127.0.0.1:{{target.id}}/' }],
    ['an unknown placeholder', { url: 'http://127.0.0.1/{{constructor}}' }],
    ['the secret in the path', { url: 'http://127.0.0.1/{{secret}}' }],
    ['the secret in the body', { url: 'http://127.0.0.1/', body: { deep: ['{{secret}}'] } }],
    ['braces without an end', { url: 'http://127.0.0.1/{{id}' }],
    ['a header with a line break', { url: 'http://127.0.0.1/', headers: { a: 'b\r\nc: d' } }],
    ['another scheme', { url: 'file:///etc/passwd' }],
  ])('refuses a template with %s', (_, over) => {
    const apply = { method: 'POST', headers: {}, ...over } as RequestTemplate
    const actions = [{ levels: new Set(['quarantine_tool'] as const), targets: new Set(['tool'] as const), apply }]
    expect(() => new HttpGateway(options(api.url, { actions }), Date.now)).toThrow(/^gateway edge/)
  })

  it('is of one origin, and of a private one only where that is meant', async () => {
    const elsewhere = { method: 'GET', url: 'https://elsewhere.example/', headers: {} } as const
    expect(() => new HttpGateway(options(api.url, { ping: elsewhere }), Date.now)).toThrow('make two of it')
    const apply = { method: 'POST', url: 'https://127.0.0.1/', headers: {} } as const
    const actions = [{ levels: new Set(['quarantine_tool'] as const), targets: new Set(['tool'] as const), apply }]
    const { ping: _, ...rest } = options(api.url, { actions, allowPrivate: false })
    const outside = new HttpGateway(rest, Date.now)
    expect(await outside.deliver('apply', lease(TOOL))).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('not a public address'),
    })
    outside.close()
  })
})

describe('a template', () => {
  const BASE = 'https://api.example/v1/'

  it('keeps every value in its place, whatever it is', () => {
    const template: RequestTemplate = {
      method: 'POST',
      url: `${BASE}{{target.id}}/off?why={{reason}}`,
      headers: {},
      body: { why: 'because {{reason}}', whole: '{{reason}}' },
    }
    const value = fc.oneof(
      fc.string({ minLength: 1, unit: 'binary' }),
      fc.constantFrom('..', '.', '%2e%2e', '../../x', '//evil.example', '?a=b', '#', '{{id}}', '$&', '\\', '"}'),
    )
    fc.assert(
      fc.property(value, value, (id, reason) => {
        const one = lease({ reason, target: { kind: 'server', id } })
        const unsendable =
          ['.', '..'].some((dots) => dots === id || dots === reason) || /\p{Surrogate}/u.test(id + reason)
        fc.pre(!unsendable)
        const { url, body } = renderTemplate(template, one, undefined)
        expect(url.origin).toBe('https://api.example')
        const [, , name = '', off, ...more] = url.pathname.split('/')
        expect([decodeURIComponent(name), off, more]).toEqual([id, 'off', []])
        expect([[...url.searchParams.keys()], url.hash]).toEqual([['why'], ''])
        expect(url.searchParams.get('why')).toBe(reason)
        expect(JSON.parse(body ?? '')).toEqual({ why: `because ${reason}`, whole: reason })
      }),
      { numRuns: 500 },
    )
  })

  it.each(['.', '..', '\ud800'])('refuses %j in a path', (id) => {
    const template: RequestTemplate = { method: 'POST', url: `${BASE}{{target.id}}/off`, headers: {} }
    expect(() => renderTemplate(template, lease({ target: { kind: 'server', id } }), undefined)).toThrow(TemplateError)
  })

  it('puts nothing into a header that would end it', () => {
    const template: RequestTemplate = { method: 'POST', url: BASE, headers: { 'x-why': '{{reason}}' } }
    expect(() => renderTemplate(template, lease({ reason: 'a\r\nhost: evil' }), undefined)).toThrow(TemplateError)
    expect(() => renderTemplate(template, lease({ reason: 'naïve' }), undefined)).toThrow(TemplateError)
    expect(renderTemplate(template, lease({ reason: 'plain' }), undefined).headers).toMatchObject({ 'x-why': 'plain' })
  })

  it('knows every placeholder that it names', () => {
    const one = lease({ level: 'quarantine_tool', target: { kind: 'tool', id: 'files/a/b', agent: 'bot' } })
    const body = Object.fromEntries(PLACEHOLDERS.map((name) => [name, `{{${name}}}`]))
    const sent = JSON.parse(
      renderTemplate({ method: 'POST', url: BASE, headers: {}, body }, one, undefined).body ?? '',
    ) as object
    expect(sent).toMatchObject({ 'target.server': 'files', 'target.tool': 'a/b', 'target.agent': 'bot', revision: 1 })
  })
})
