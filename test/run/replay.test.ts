import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { run } from './belay.ts'

vi.setConfig({ testTimeout: 120_000 })

const folder = mkdtempSync(join(tmpdir(), 'belay-replay-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ATTACK = 'fixtures/scenarios/puppet-attack/events.ndjson'
const lines = (text: string) => text.split('\n').filter((line) => line !== '')
const idsOf = (text: string) => lines(text).map((line) => (JSON.parse(line) as { readonly id: string }).id)

interface Line {
  readonly event_id: string
  readonly session_id: string
  readonly score: number
  readonly risk: number
  readonly action: string
  readonly finding: boolean
  readonly signals: readonly {
    readonly detector?: string
    readonly strength: number
    readonly reasons: readonly object[]
  }[]
}

test('learn, then score: one line per event in stream order, the same every time, the attack contained', async () => {
  const baseline = join(folder, 'baselines')
  const learnt = await run(['learn', '--events', 'fixtures/benign/finance.ndjson', '--baseline', baseline, '--json'])
  expect([learnt.code, learnt.err]).toEqual([0, expect.not.stringContaining('not taken')])
  expect(JSON.parse(learnt.out)).toMatchObject({ rejected: 0, roles: [{ role: 'finance', state: 'active' }] })

  const events = readFileSync(ATTACK, 'utf8')
  const out = join(folder, 'verdicts.ndjson')
  expect((await run(['score', '--baseline', baseline, '--events', ATTACK, '--out', out])).code).toBe(0)
  const verdicts = lines(readFileSync(out, 'utf8')).map((line) => JSON.parse(line) as Line)
  expect(verdicts.map((verdict) => verdict.event_id)).toEqual(idsOf(events))
  for (const { score, risk } of verdicts) expect([score >= 0, risk >= 0 && risk <= 1]).toEqual([true, true])
  // Piped history is the same history, and none of it reaches the engine's own standard input.
  const history = readFileSync('fixtures/benign/finance.ndjson', 'utf8')
  const again = await run(['learn', '--events', '-', '--baseline', join(folder, 'piped'), '--json'], {}, history)
  expect(JSON.parse(again.out)).toEqual(JSON.parse(learnt.out))
  const caught = verdicts.find((verdict) => verdict.action !== 'allow')
  expect(caught?.signals.map(({ detector }) => detector)).toContain('untrusted-destination')
  expect(caught?.signals[0]?.reasons).not.toHaveLength(0)

  const piped = await run(['score', '--baseline', baseline, '--events', '-'], {}, `${events}${lines(events)[0]}\n`)
  expect(lines(piped.out).slice(0, -1)).toEqual(lines(readFileSync(out, 'utf8')))
  // A line that comes twice is answered twice and counted once.
  expect(lines(piped.out)).toHaveLength(verdicts.length + 1)
})

test('what cannot be read is said, and nothing is made up', async () => {
  const baseline = join(folder, 'none')
  const nothing = await run(['learn', '--events', '-', '--baseline', baseline], {}, 'not json\n')
  expect([nothing.code, nothing.err]).toEqual([1, expect.stringContaining('not taken: line 1:')])
  const missing = await run(['learn', '--events', 'nowhere.ndjson', '--baseline', baseline])
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('nowhere.ndjson cannot be read')])
  const unlearnt = await run(['score', '--baseline', join(folder, 'unknown'), '--events', ATTACK])
  expect([unlearnt.code, unlearnt.err]).toEqual([2, expect.stringContaining('`belay learn` makes it')])
})
