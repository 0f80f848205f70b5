import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { ACCESS } from './access.ts'
import { createAuthenticator, type TokenRecord } from './auth.ts'
import { createServer, type Probe } from './server.ts'

const token = (text: string, scopes: TokenRecord['scopes']): TokenRecord => ({
  name: text,
  sha256: createHash('sha256').update(text).digest('hex'),
  tenant: 'acme',
  scopes,
})

const healthy: Probe = { name: 'store', ping: () => Promise.resolve() }
const failures: unknown[] = []

const serve = (tokens: readonly TokenRecord[], probes: readonly Probe[] = [healthy]) =>
  createServer({
    authenticate: createAuthenticator(tokens),
    probes,
    metrics: () => Promise.resolve({ contentType: 'text/plain', text: 'belay_events_dropped_total 0\n' }),
    plugins: [
      async (server) => {
        server.get('/who', async (request) => ({ tenant: request.principal.tenant }))
        server.post('/act', async () => ({ done: true }))
        server.get('/broken', async () => {
          throw new Error('the database password is hunter2')
        })
      },
    ],
    access: { ...ACCESS, 'GET /who': ['pep', 'analyst'], 'POST /act': ['responder'], 'GET /broken': ['pep'] },
    onError: (error) => failures.push(error),
  })

test('health answers everyone, readiness says which part is not well and why', async () => {
  const sick: Probe = { name: 'queue', ping: () => Promise.reject(new Error('Redis refused the connection')) }
  const server = await serve([token('pep', ['pep'])], [healthy, sick])
  expect((await server.inject('/healthz')).json()).toEqual({ status: 'ok' })
  const ready = await server.inject('/readyz')
  expect(ready.statusCode).toBe(503)
  expect(ready.json()).toEqual({ status: 'not ready', parts: { store: 'ok', queue: 'Redis refused the connection' } })
  expect((await (await serve([])).inject('/readyz')).statusCode).toBe(200)
})

test('tokens decide who may do what', async () => {
  const server = await serve([token('reader', ['analyst']), token('pep', ['pep'])])
  const as = (name: string, url: string, method: 'GET' | 'POST' = 'GET') =>
    server.inject({ url, method, headers: { authorization: `Bearer ${name}` } })
  expect((await server.inject('/who')).statusCode).toBe(401)
  expect((await server.inject('/who')).headers['www-authenticate']).toContain('Bearer')
  expect((await as('reader', '/who')).json()).toEqual({ tenant: 'acme' })
  expect((await as('reader', '/act', 'POST')).statusCode).toBe(403)
  expect((await as('reader', '/metrics')).body).toContain('dropped_total 0')
  expect((await as('pep', '/metrics')).statusCode).toBe(403)
})

test('a route that nobody said who may use it is not served', async () => {
  const forgotten = createServer({
    authenticate: createAuthenticator([]),
    probes: [],
    metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
    plugins: [async (server) => void server.get('/v1/everything', async () => ({}))],
    onError: (error) => failures.push(error),
  })
  await expect(forgotten).rejects.toThrow('GET /v1/everything has no entry in src/web/access.ts')
})

test('without tokens only this machine gets in, not a web page in its browser', async () => {
  const server = await serve([])
  expect((await server.inject({ url: '/who', headers: { host: '127.0.0.1:7300' } })).statusCode).toBe(200)
  expect((await server.inject({ url: '/who', headers: { host: 'rebound.example' } })).statusCode).toBe(403)
  const crossOrigin = { host: 'localhost:7300', origin: 'https://evil.example' }
  expect((await server.inject({ url: '/who', headers: crossOrigin })).statusCode).toBe(403)
})

test('answers are problem details, never internals', async () => {
  const server = await serve([])
  const missing = await server.inject('/nowhere?secret=1')
  expect(missing.headers['content-type']).toContain('application/problem+json')
  expect(missing.json()).toMatchObject({ status: 404, title: 'Not Found', detail: 'nothing answers GET /nowhere' })
  const broken = await server.inject('/broken')
  expect(broken.statusCode).toBe(500)
  expect(broken.body).not.toContain('hunter2')
  expect(failures).toHaveLength(1)
  const poison = { method: 'POST', url: '/act', headers: { 'content-type': 'application/json' } } as const
  expect((await server.inject({ ...poison, payload: '{"__proto__":{"admin":true}}' })).statusCode).toBe(400)
  expect((await server.inject({ ...poison, payload: '{' })).statusCode).toBe(400)
  expect((await server.inject('/healthz')).headers['x-content-type-options']).toBe('nosniff')
})
