import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kafkaBroker } from '../services/kafka.ts'
import { type Answer, Installations, type Kept, kept, retimed, throughFile, throughHttp, throughKafka } from './ways.ts'

// Events in the shapes that gateways really emit, five that are none, and one that a gateway sent twice: whatever way
// they take, the store holds the same rows, and everything that was not taken says why.
const text = readFileSync(new URL('./captured-like.ndjson', import.meta.url), 'utf8')
const { lines } = retimed(text.trimEnd().split('\n'), Date.now() - 60_000)
const ACCEPTED = 54
const REASONS = ['json', 'schema', 'schema', 'size', 'time']

const kafka = await kafkaBroker()
const root = mkdtempSync(join(tmpdir(), 'belay-ways-'))
const at = new Installations(root)
afterAll(() => rmSync(root, { recursive: true, force: true }))

let byFile: Kept & { readonly replayed: { readonly events: number; readonly rejected: number } }
beforeAll(async () => {
  byFile = await throughFile(at.settings(), lines)
})

test('by file: every valid event is a row, each of the others a dead letter with its reason', () => {
  expect(byFile.replayed).toMatchObject({ events: ACCEPTED + 1, rejected: REASONS.length })
  expect(byFile.events).toHaveLength(ACCEPTED)
  expect(byFile.deadLetters.map(({ reason }) => reason)).toEqual(REASONS)
  expect(byFile.deadLetters.map(({ pointer }) => pointer)).toEqual(['', '/data/agent', '/data/phase', '', '/time'])
  for (const { error, bytes } of byFile.deadLetters)
    expect([error.length > 10, lines.includes(Buffer.from(bytes, 'base64').toString())]).toEqual([true, true])
  expect(JSON.stringify(byFile.events)).not.toContain('sk-test-0123456789')
})

describe('by HTTP', () => {
  let byHttp: Kept & { readonly answers: readonly Answer[] }
  beforeAll(async () => {
    byHttp = await throughHttp(at.settings(), lines, [1, 7, 2, 20], kept)
  })

  test('each request is told what was taken and what was not', () => {
    expect(byHttp.answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202])
    expect(byHttp.answers.reduce((sum, answer) => sum + (answer.accepted ?? 0), 0)).toBe(ACCEPTED + 1)
    expect(byHttp.answers.flatMap((answer) => answer.rejected?.map(({ reason }) => reason) ?? []).sort()).toEqual(
      REASONS,
    )
  })

  test('the same rows as by file', () => {
    expect(byHttp.events).toEqual(byFile.events)
    expect(byHttp.deadLetters).toEqual(byFile.deadLetters)
  })
})

test.skipIf(!kafka.available)('by Kafka: the same rows as by file', async () => {
  const brokers = kafka.available ? kafka.service.brokers : []
  const topics = { events: 'ways.events', deadLetters: 'ways.events.dlq' }
  const settings = at.settings({ kafka: { brokers, group: 'ways', topics, signing: { mode: 'off' } } })
  const byKafka = await throughKafka(settings, lines, { events: ACCEPTED, deadLetters: REASONS.length })
  expect(byKafka.events).toEqual(byFile.events)
  expect(byKafka.deadLetters).toEqual(byFile.deadLetters)
})
