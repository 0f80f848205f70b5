import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { RunningBelay, run } from './belay.ts'

const data = mkdtempSync(join(tmpdir(), 'belay-seeded-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

// The way from history to a contained session: baselines are seeded, the attack comes in live, its PEP asks.
test('baselines learnt from files judge live events, and the hijacked session is contained', async () => {
  const history = ['learn', '--events', 'fixtures/benign/finance.ndjson', '--baseline', join(data, 'baselines')]
  expect((await run(history)).code).toBe(0)
  const belay = await RunningBelay.start(['--data', data])
  const headers = { 'x-belay-tenant': 'acme', 'content-type': 'application/x-ndjson' }
  const get = async (path: string): Promise<unknown> => (await fetch(belay.url + path, { headers })).json()
  expect(await get('/v1/baselines')).toMatchObject({ baselines: [{ role: 'finance', state: 'active' }] })
  expect((await belay.get('/metrics')).body).toContain('belay_baselines{state="active"} 1')

  const body = readFileSync('fixtures/scenarios/puppet-attack/events.ndjson')
  expect((await fetch(`${belay.url}/v1/events`, { method: 'POST', headers, body })).status).toBe(202)
  const { sessions } = (await get('/v1/sessions?contained=true')) as { sessions: { session: string; agent: string }[] }
  expect(sessions).toMatchObject([{ role: 'finance', action: 'suspend_session' }])
  const { session = '', agent = '' } = sessions[0] ?? {}
  expect(await get(`/v1/decisions?session=${session}&agent=${agent}`)).toMatchObject({ action: 'suspend_session' })
  expect(await get(`/v1/sessions/${session}`)).toMatchObject({
    events: expect.arrayContaining([
      expect.objectContaining({
        signals: expect.arrayContaining([expect.objectContaining({ id: 'untrusted-destination' })]),
      }),
    ]),
  })
  expect(await belay.end('SIGTERM')).toBe(0)
}, 180_000)
