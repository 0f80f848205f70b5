import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cloudEvent } from '../testing/events.ts'
import { sourceSuite } from '../testing/source-suite.ts'
import { createDecoder, MAX_EVENT_BYTES } from './decode.ts'
import { EventFileError, FileSource, readLines } from './file.ts'
import { createRedactor } from './redact.ts'
import type { Batch, Source } from './source.ts'

const decode = createDecoder({ redactor: createRedactor({ key: 'k' }), refs: () => [] })
const folder = mkdtempSync(join(tmpdir(), 'belay-file-'))

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function all(source: Source): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of source.batches(new AbortController().signal)) batches.push(batch)
  return batches
}

describe('as a source', () => {
  sourceSuite(
    () => {
      const stdin = new PassThrough()
      return Promise.resolve({
        source: new FileSource({ decode, paths: ['-'], stdin, maxBatchEvents: 100 }),
        send(items) {
          for (const item of items) stdin.write(Buffer.concat([item, Buffer.from('\n')]))
          return Promise.resolve({ taken: Promise.resolve() })
        },
      })
    },
    { maxBatchEvents: 100, redelivers: true },
  )
})

test('plain and gzip files, blank lines, no last line end; positions are line numbers', async () => {
  const [a, b, c] = [cloudEvent(), cloudEvent(), cloudEvent()].map((event) => JSON.stringify(event))
  const plain = write('a.ndjson', `${a}\r\n\n${b}`)
  const packed = write('b.ndjson.gz', gzipSync(`{"no":1}\n${c}\n`))
  const batches = await all(new FileSource({ decode, paths: [plain, packed], now: () => 7 }))
  const events = batches.flatMap((batch) => batch.events)
  expect(events.map((event) => [event.origin, event.position])).toEqual([
    [`file:${plain}`, 1],
    [`file:${plain}`, 3],
    [`file:${packed}`, 2],
  ])
  const [rejected] = batches.flatMap((batch) => batch.rejected)
  expect(rejected).toMatchObject({
    position: 1,
    reason: 'schema',
    receivedMs: 7,
    error: expect.stringMatching(/^line 1: /),
  })
})

test('an event of years ago is on time', async () => {
  const path = write('old.ndjson', JSON.stringify(cloudEvent({}, { time: '2001-01-01T00:00:00Z' })))
  const [batch] = await all(new FileSource({ decode, paths: [path] }))
  expect(batch?.events[0]).toMatchObject({ clock: 'on-time', timeMs: 978307200000, receivedMs: 978307200000 })
})

test('a file that is not there or is no gzip is an error that names it', async () => {
  await expect(all(new FileSource({ decode, paths: ['/nowhere.ndjson'] }))).rejects.toThrow(EventFileError)
  const path = write('no.gz', 'plain')
  await expect(all(new FileSource({ decode, paths: [path] }))).rejects.toThrow(path)
})

test('a line without end is cut, not collected', async () => {
  const stream = Readable.from([
    Buffer.alloc(MAX_EVENT_BYTES, 'x'),
    Buffer.alloc(MAX_EVENT_BYTES, 'x'),
    Buffer.from('\n{}'),
  ])
  const lines: number[] = []
  for await (const some of readLines(stream, 10)) lines.push(...some.map((line) => line.length))
  expect(lines).toEqual([MAX_EVENT_BYTES + 1, 2])
})

test('lines are the same wherever the stream is cut', async () => {
  const text = fc.array(fc.constantFrom('a', 'bc', '\n', '\n\n', 'é'), { maxLength: 30 }).map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(40), { maxLength: 6 }), async (content, cuts) => {
      const bytes = Buffer.from(content)
      const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
      const lines: string[] = []
      for await (const some of readLines(Readable.from(chunks), 3)) {
        expect(some.length).toBeLessThanOrEqual(3)
        lines.push(...some.map((line) => Buffer.from(line).toString()))
      }
      const expected = content.split('\n')
      if (expected.at(-1) === '') expected.pop()
      expect(lines).toEqual(expected)
    }),
  )
})
