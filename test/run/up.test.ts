import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { RunningBelay, run } from './belay.ts'
import { toolEvent } from './tool-event.ts'

// Several starts of a process that loads a database engine, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 })

const data = mkdtempSync(join(tmpdir(), 'belay-up-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

const callsOf = async (belay: RunningBelay): Promise<number> => {
  const { body } = await belay.get('/v1/sessions/run-1')
  return (JSON.parse(body) as { readonly calls: number }).calls
}

test('embedded: an event is taken, counted, kept over a stop and over a kill, and never twice', async () => {
  const first = await RunningBelay.start(['--data', data])
  expect(await first.get('/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
  expect((await first.get('/readyz')).status).toBe(200)
  expect((await first.post('/v1/events', toolEvent('e1'))).status).toBe(202)
  const { body: metrics } = await first.get('/metrics')
  expect(metrics).toContain('belay_events_total{source="http",outcome="accepted"} 1')
  expect(metrics).toContain('belay_events_dropped_total 0')
  expect(await first.end('SIGTERM')).toBe(0)
  expect(first.said).toContain('stopped; nothing was lost')

  const second = await RunningBelay.start(['--data', data])
  expect(await callsOf(second)).toBe(1)
  expect((await second.post('/v1/events', toolEvent('e1'))).status).toBe(202)
  expect((await second.post('/v1/events', toolEvent('e2'))).status).toBe(202)
  expect(await callsOf(second)).toBe(2)
  await second.end('SIGKILL')

  const third = await RunningBelay.start(['--data', data])
  expect(await callsOf(third)).toBe(2)
  expect(await third.end('SIGINT')).toBe(0)
})

test('what is piped into it reaches no table', async () => {
  const belay = await RunningBelay.start(
    ['--data', data],
    {},
    `${JSON.stringify({ origin: 'from a pipe', position: 1 })}\n`,
  )
  expect((await belay.post('/v1/events', { nonsense: 1 })).status).toBe(400)
  expect((await belay.get('/v1/dead-letters')).body).not.toContain('from a pipe')
  expect(await belay.end('SIGTERM')).toBe(0)
})

test('the curl line it prints works as it stands', async () => {
  const belay = await RunningBelay.start(['--data', data])
  const line = /^ {2}curl .* (http\S+) -d '(.*)'$/m.exec(belay.said)
  const answer = await belay.post(
    line?.[1] ?? '',
    JSON.parse(line?.[2] ?? '{}') as object,
    'application/cloudevents+json',
  )
  expect(answer.status).toBe(202)
  await belay.end('SIGTERM')
})

test('people contain and release, read sessions and dead letters, by command', async () => {
  const belay = await RunningBelay.start(['--data', data])
  const cli = async (...args: string[]) => {
    const ran = await run([...args, '--json'], { BELAY_URL: belay.url })
    expect([ran.code, ran.err]).toEqual([0, ''])
    return JSON.parse(ran.out) as Record<string, unknown>
  }
  const contained = await cli('contain', '--session', 'run-1', '--agent', 'tester', '--reason', 'by hand')
  expect(contained).toMatchObject({
    action: 'suspend_session',
    target: { kind: 'session', id: 'run-1', agent: 'tester' },
  })
  const decision = await belay.get('/v1/decisions?session=run-1&agent=tester')
  expect(JSON.parse(decision.body)).toMatchObject({ action: 'suspend_session' })
  expect(await cli('release', String(contained.containment_id))).toMatchObject({ state: 'released' })
  expect(JSON.parse((await belay.get('/v1/decisions?session=run-1&agent=tester')).body)).toMatchObject({
    action: 'allow',
  })

  expect(await cli('sessions', 'show', 'run-1')).toMatchObject({ session: 'run-1', agent: 'tester' })
  expect(await cli('baselines')).toEqual({ baselines: [] })
  expect((await belay.post('/v1/events', { nonsense: true })).status).toBe(400)
  const { dead_letters } = (await cli('dlq')) as { dead_letters: { id: string; reason: string }[] }
  expect(dead_letters[0]).toMatchObject({ reason: 'schema' })
  const shown = await cli('dlq', 'show', dead_letters[0]?.id ?? '')
  expect(Buffer.from(String(shown.base64), 'base64').toString()).toBe('{"nonsense":true}')
  const again = await run(['dlq', 'replay'], { BELAY_URL: belay.url })
  expect([again.code, again.out]).toEqual([1, expect.stringContaining('refused with 400')])
  await belay.end('SIGTERM')
})

test('a second process on the same folder says that it is taken', async () => {
  const belay = await RunningBelay.start(['--data', data])
  await expect(RunningBelay.start(['--data', data])).rejects.toThrow(
    /ended with 1:[\s\S]*belay: .*another process has this data directory open/,
  )
  const doctor = await run(['doctor', '--data', data])
  expect([doctor.code, doctor.out]).toEqual([0, expect.stringContaining('is held by a running process')])
  await belay.end('SIGTERM')
})
