import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { Receiver, SECRET } from '../dispatch/receiver.ts'
import { type ClickHouseService, startClickHouse } from '../services/clickhouse.ts'
import { kafkaBroker } from '../services/kafka.ts'
import { redisServer } from '../services/redis.ts'
import { RunningBelay, run } from './belay.ts'
import { toolEvent } from './tool-event.ts'

// The same program on real Kafka, ClickHouse and Redis, split over processes by their roles.
const kafka = await kafkaBroker()
const redis = await redisServer()
const folder = mkdtempSync(join(tmpdir(), 'belay-distributed-'))
const token = 'a-token-of-this-test'
const env = { GW_SECRET: SECRET, TOKEN: token, KEY: 'the same for all', BELAY_TOKEN: token }
let clickhouse: ClickHouseService | undefined
const gateway = new Receiver()
const config = join(folder, 'belay.yaml')

beforeAll(async () => {
  if (!kafka.available || !redis.available) return
  clickhouse = await startClickHouse(mkdtempSync(join(folder, 'clickhouse-')))
  await gateway.start()
  writeFileSync(
    config,
    stringify({
      tokens: [{ name: 'test', token: { env: 'TOKEN' }, tenant: 'acme', scopes: ['admin'] }],
      kafka: { brokers: [...kafka.service.brokers] },
      clickhouse: { url: clickhouse.url },
      redis: { url: redis.service.url },
      refs: { key: { env: 'KEY' } },
      containment: {
        gateways: [{ name: 'gw', url: gateway.url, secrets: [{ env: 'GW_SECRET' }], allowPrivate: true }],
      },
    }),
  )
})
afterAll(async () => {
  await gateway.stop()
  await clickhouse?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!kafka.available || !redis.available)(
  'one process accepts and answers, another scores and delivers: nothing is lost between them',
  async () => {
    const process = (roles: string) =>
      RunningBelay.start(['--config', config, '--data', mkdtempSync(join(folder, 'data-')), '--roles', roles], env)
    const front = await process('accept,web')
    const back = await process('score,learn,dispatch')
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/cloudevents-batch+json' }
    const body = JSON.stringify(Array.from({ length: 100 }, (_, at) => toolEvent(`e${at}`)))
    expect((await fetch(`${front.url}/v1/events`, { method: 'POST', body })).status).toBe(401)
    expect((await fetch(`${front.url}/v1/events`, { method: 'POST', body, headers })).status).toBe(202)

    const cli = (...args: string[]) => run([...args, '--json'], { ...env, BELAY_URL: front.url })
    const callsOf = async () =>
      (JSON.parse((await cli('sessions')).out) as { sessions: { calls: number }[] }).sessions[0]?.calls
    await expect.poll(callsOf, { timeout: 60_000, interval: 500 }).toBe(100)

    const told = gateway.next()
    const contained = await cli('contain', '--session', 'run-1', '--agent', 'tester', '--reason', 'by hand')
    const { containment_id: id } = JSON.parse(contained.out) as { containment_id: string }
    expect((await told).data).toMatchObject({ containment_id: id, action: 'suspend_session' })
    expect((await fetch(`${back.url}/readyz`)).status).toBe(200)
    expect((await fetch(`${front.url}/v1/events`, { method: 'POST', body, headers })).status).toBe(202)

    const learnt = async () => (await fetch(`${back.url}/metrics`, { headers })).text()
    await expect.poll(learnt, { timeout: 30_000, interval: 500 }).toContain('belay_learn_runs_total{outcome="done"} 1')
    const doctor = await cli('doctor', '--config', config)
    expect([doctor.code, doctor.out]).toEqual([0, expect.stringContaining('Kafka')])
    expect(await back.end('SIGTERM')).toBe(0)
    const heir = await process('score,learn,dispatch')
    await expect.poll(callsOf, { timeout: 30_000, interval: 500 }).toBe(100)
    expect([await heir.end('SIGTERM'), await front.end('SIGTERM')]).toEqual([0, 0])
  },
  240_000,
)
