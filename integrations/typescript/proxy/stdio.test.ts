import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Pep } from '../pep.ts'
import { linesOf } from './lines.ts'
import { runStdioProxy } from './stdio.ts'

/** A server that says every line it gets, as it would read it, and ends with its input. */
const ECHO = `
  let rest = ''
  process.stdin.on('data', (d) => { rest += d })
  process.stdin.on('end', () => {
    for (const line of rest.split(/\\n|\\r/)) if (line) console.log(JSON.stringify({ jsonrpc: '2.0', method: 'got', params: line }))
    process.exitCode = 3
  })`

async function through(
  ...lines: readonly string[]
): Promise<{ readonly code: number; readonly said: readonly Record<string, unknown>[] }> {
  const pep = new Pep({ url: 'http://127.0.0.1:1' })
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  stdin.end(lines.map((line) => `${line}\n`).join(''))
  const code = await runStdioProxy({
    pep,
    known: { server: 'echo' },
    command: process.execPath,
    args: ['-e', ECHO],
    stdin,
    stdout,
  })
  await pep.close(0)
  stdout.end()
  const said: Record<string, unknown>[] = []
  for await (const line of linesOf(stdout)) said.push(JSON.parse(line) as Record<string, unknown>)
  return { code, said }
}

it('passes lines as they are, numbers beyond JavaScript included, and the exit code of the server', async () => {
  const line = '{"jsonrpc":"2.0", "id":12345678901234567890,"method":"x-vendor/anything","params":{"n":1.10}}'
  expect(await through(line, '')).toEqual({ code: 3, said: [{ jsonrpc: '2.0', method: 'got', params: line }] })
})

it('nothing hides a second message: batches, nonsense, and a carriage return that some take for the end of a line', async () => {
  const pay = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"pay"}}'
  const { said } = await through(`[${pay}]`, `{"jsonrpc":"2.0","method":"ping","params":\r${pay}\r}`, '{broken')
  expect(
    said.map(({ error }) => (error as { code?: number } | undefined)?.code).filter((code) => code !== undefined),
  ).toEqual([-32_600, -32_700])
  const got = said
    .filter(({ method }) => method === 'got')
    .map(({ params }) => JSON.parse(String(params)) as { method: string })
  expect(got.map(({ method }) => method)).toEqual(['ping'])
})

it('a command that is not there is told', async () => {
  const pep = new Pep({ url: 'http://127.0.0.1:1' })
  const streams = { stdin: new PassThrough(), stdout: new PassThrough() }
  await expect(
    runStdioProxy({ pep, known: { server: 'x' }, command: 'no-such-command-here', args: [], ...streams }),
  ).rejects.toMatchObject({ code: 'ENOENT' })
  await pep.close(0)
})

it('lines come whole, however their bytes are cut', async () => {
  const line = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/[\n\r]/g, ''))
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.nat({ max: 100 }), { maxLength: 5 }),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''))
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        const stream = new PassThrough()
        for (const [i, to] of places.slice(1).entries()) stream.write(bytes.subarray(places[i], to))
        stream.end()
        const found: string[] = []
        for await (const one of linesOf(stream)) found.push(one)
        expect(found).toEqual(
          Buffer.from(lines.join('\n'))
            .toString()
            .split('\n')
            .filter((one) => one.trim() !== ''),
        )
      },
    ),
  )
})
