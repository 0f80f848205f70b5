import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createProgram } from '../../src/run/program.ts'
import { run } from './belay.ts'

vi.setConfig({ testTimeout: 60_000 })

const program = createProgram({ out: () => undefined, err: () => undefined, watched: false, env: {} })
const commands = program.commands.flatMap((command) => [
  [command.name()],
  ...command.commands.map((one) => [command.name(), one.name()]),
])
const folder = () => mkdtempSync(join(tmpdir(), 'belay-cli-'))

test.each(commands.map((path) => [path.join(' '), path] as const))('%s explains itself', async (_name, path) => {
  const lines: string[] = []
  const io = { out: (text: string) => void lines.push(text), err: () => undefined, watched: false, env: {} }
  await expect(createProgram(io).parseAsync(['node', 'belay', ...path, '--help'])).rejects.toMatchObject({
    exitCode: 0,
  })
  expect(lines.join('\n')).toContain(`Usage: belay ${path.join(' ')}`)
})

test('every command shows examples, and has --json where it has results', () => {
  for (const command of program.commands) {
    const all = [command, ...command.commands]
    const json = all.some((one) => one.options.some((option) => option.long === '--json'))
    const runs = command.name() === 'up' || command.name() === 'proxy'
    expect([command.name(), json || runs]).toEqual([command.name(), true])
  }
})

test('a wrong call is told apart from a failure', async () => {
  const unknown = await run(['lern'])
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('Did you mean learn?')])
  const nobody = await run(['sessions', '--url', 'http://127.0.0.1:1'])
  expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('is `belay up` running there?')])
  expect(nobody.err).not.toContain('    at ')
})

test('a wrong configuration is refused with its path, before anything starts', async () => {
  const path = join(folder(), 'belay.yaml')
  writeFileSync(path, 'listen: { host: 0.0.0.0 }\n')
  const open = await run(['up', '--config', path, '--data', folder()])
  expect([open.code, open.err]).toEqual([2, expect.stringContaining('`tokens` must not be empty')])
  writeFileSync(path, 'redis: { urll: "redis://x" }\n')
  const unknown = await run(['up', '--config', path])
  expect([unknown.code, unknown.err]).toEqual([
    2,
    expect.stringContaining('redis.urll: unknown key; did you mean `url`?'),
  ])
})

test('a port that is taken is said, and the process ends', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const ran = await run(['up', '--data', folder(), '--port', String(port)])
  expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('another process listens there')])
  taken.close()
})

test('doctor checks the embedded parts, and says what to do about one that fails', async () => {
  const fine = await run(['doctor', '--data', folder(), '--json'])
  const { checks } = JSON.parse(fine.out) as { readonly checks: readonly { name: string; state: string }[] }
  expect([fine.code, fine.err]).toEqual([0, ''])
  expect(checks.map(({ name }) => name)).toEqual(['tokens', 'clock', 'data folder', 'chDB'])
  const path = join(folder(), 'belay.yaml')
  writeFileSync(path, 'kafka: { brokers: ["127.0.0.1:1"] }\nredis: { url: "redis://127.0.0.1:1" }\n')
  const broken = await run(['doctor', '--data', folder(), '--config', path])
  expect(broken.code).toBe(1)
  expect(broken.out).toMatch(/FAIL Kafka: nothing listens on 127\.0\.0\.1:1\n +-> check kafka\.brokers/)
  expect(broken.out).toMatch(/FAIL Redis: .*\n +-> check redis\.url/)
})
