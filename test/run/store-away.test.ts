import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { Receiver, SECRET } from '../dispatch/receiver.ts'
import { startClickHouse } from '../services/clickhouse.ts'
import { RunningBelay } from './belay.ts'
import { toolEvent } from './tool-event.ts'

const folder = mkdtempSync(join(tmpdir(), 'belay-store-away-'))
const gateway = new Receiver()
afterAll(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

// The promise: containment never waits for the database, an event is not answered 202 before it is kept, and a stop
// takes its bounded time all the same.
test('while the store is away containment goes on, nothing is answered too early, and stopping ends', async () => {
  const clickhouse = await startClickHouse(mkdtempSync(join(folder, 'clickhouse-')))
  await gateway.start()
  const config = join(folder, 'belay.yaml')
  const gateways = [{ name: 'gw', url: gateway.url, secrets: [{ env: 'GW_SECRET' }], allowPrivate: true }]
  writeFileSync(config, stringify({ clickhouse: { url: clickhouse.url }, containment: { gateways } }))
  const belay = await RunningBelay.start(['--config', config, '--data', join(folder, 'data')], { GW_SECRET: SECRET })
  expect((await belay.post('/v1/events', toolEvent('before'))).status).toBe(202)
  await clickhouse.stop()

  const waiting = belay.post('/v1/events', toolEvent('during'))
  const told = gateway.next()
  const body = {
    action: 'suspend_session',
    target: { kind: 'session', id: 'run-1', agent: 'tester' },
    reason: 'by hand',
  }
  expect((await belay.post('/v1/containments', body)).status).toBe(201)
  expect((await told).data).toMatchObject({ action: 'suspend_session', target: { id: 'run-1' } })
  const ready = await belay.get('/readyz')
  expect([ready.status, JSON.parse(ready.body)]).toMatchObject([503, { parts: { posture: 'ok', queue: 'ok' } }])
  expect((await belay.get('/metrics')).body).toMatch(/belay_effect_failures_total\{effect="store"\} [1-9]/)

  expect(await belay.end('SIGTERM')).toBe(0)
  expect((await waiting).status).toBe(503)
}, 180_000)
