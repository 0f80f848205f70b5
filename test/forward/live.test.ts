import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { RunningBelay } from '../run/belay.ts'
import { toolEvent } from '../run/tool-event.ts'
import { SyslogReceiver } from './syslog-receiver.ts'

// Starts of a process that loads a database engine, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 })

const folder = mkdtempSync(join(tmpdir(), 'belay-forward-'))
const receiver = new SyslogReceiver()
afterAll(async () => {
  await receiver.kill()
  rmSync(folder, { recursive: true, force: true })
})

const RULE = `title: Something was wiped
id: 3a8b0c52-61f2-4d0e-9d4b-0d6d3a4b7f11
name: wiped
logsource: { product: mcp, category: agent_tool_event }
detection:
  wipe: { tool.name: wipe }
  condition: wipe
level: high
tags: [atlas.aml.t0101, owasp-agentic.asi02]
`

const file = join(folder, 'out', 'findings.ndjson')

function configure(): string {
  const rules = join(folder, 'rules')
  mkdirSync(rules, { recursive: true })
  writeFileSync(join(rules, 'wiped.yml'), RULE)
  const path = join(folder, 'belay.yaml')
  const syslog = { host: '127.0.0.1', port: receiver.port, transport: 'tcp', allowPrivate: true }
  writeFileSync(
    path,
    stringify({
      rules: { builtIn: false, folders: [rules] },
      forward: [
        { name: 'disk', shape: 'json', file: { path: file } },
        { name: 'siem', shape: 'cef', syslog },
        {
          name: 'lake',
          shape: 'ocsf',
          send: ['findings', 'calls', 'auth'],
          file: { path: join(folder, 'out', 'lake.ndjson') },
        },
      ],
    }),
  )
  return path
}

const wipe = (id: string, session: string) => {
  const event = toolEvent(id)
  return { ...event, data: { ...event.data, session: { id: session }, tool: { name: 'wipe' } } }
}
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [])
const soon = { timeout: 60_000, interval: 50 }

test('a finding goes from an event to a file and to syslog, over kills of both sides, and none is lost', async () => {
  await receiver.start()
  const config = configure()
  const first = await RunningBelay.start(['--config', config, '--data', join(folder, 'data')])
  expect((await first.post('/v1/events', wipe('e1', 's1'))).status).toBe(202)
  await expect.poll(() => linesOf(file).length, soon).toBe(1)
  expect(JSON.parse(linesOf(file)[0] ?? '')).toMatchObject({
    type: 'agent.alert.v1',
    data: { cause: 'wiped', raised_by: 'rule', activity: 'created', session: { id: 's1' }, severity: 'high' },
  })
  await expect.poll(() => receiver.texts.length, soon).toBe(1)
  expect(receiver.texts[0]).toMatch(/^CEF:0\|Belay\|Belay\|[^|]+\|wiped\|Something was wiped\|8\|rt=\d+ /)
  await expect.poll(() => linesOf(join(folder, 'out', 'lake.ndjson')).length, soon).toBe(2)

  // The SIEM is down: the file goes on, the finding waits, and is not lost with the process.
  await receiver.kill()
  expect((await first.post('/v1/events', wipe('e2', 's2'))).status).toBe(202)
  await expect.poll(() => linesOf(file).length, soon).toBe(2)
  expect((await first.get('/metrics')).body).toMatch(/belay_forward_waiting\{destination="siem"\} [1-9]/)
  await first.end('SIGKILL')
  await receiver.start()
  const second = await RunningBelay.start(['--config', config, '--data', join(folder, 'data')])
  await expect.poll(() => receiver.texts.length, soon).toBe(2)
  expect(receiver.texts[1]).toContain('cs1=s2')
  expect(receiver.problems).toEqual([])
  expect(linesOf(file)).toHaveLength(2)
  expect(await second.end('SIGTERM')).toBe(0)
})
