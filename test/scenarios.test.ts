import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig, settingsOf } from '../src/run/config.ts'
import type { Io } from '../src/run/io.ts'
import { learnFiles } from '../src/run/learn-files.ts'
import { scoreFiles } from '../src/run/score-files.ts'

/** What a scenario's about.md promises, in a form that a machine can hold it to. */
interface Expected {
  readonly session: string
  /** first event at which the session is contained; absent: nobody says that it must be */
  readonly contained_at?: string
  readonly action?: string
  readonly finding: { readonly event: string; readonly cause: string }
}

interface ScoreLine {
  readonly event_id: string
  readonly session_id: string
  readonly risk: number
  readonly action: string
  readonly finding: boolean
  readonly signals: readonly { readonly detector: string; readonly strength: number }[]
}

const SCENARIOS = 'fixtures/scenarios'
const quiet: Io = { out: () => {}, err: () => {}, watched: false, env: {} }
const folder = mkdtempSync(join(tmpdir(), 'belay-scenarios-'))
const settings = settingsOf(parseConfig(JSON.stringify({ data: folder }), 'test'), {}, 'test')

beforeAll(async () => {
  const history = readdirSync('fixtures/benign').map((file) => join('fixtures/benign', file))
  await learnFiles(settings, quiet, history, folder)
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(readdirSync(SCENARIOS))('scenario %s', (name) => {
  it('is found and contained where about.md says, by the signal that it names', async () => {
    const expected = JSON.parse(readFileSync(join(SCENARIOS, name, 'expected.json'), 'utf8')) as Expected
    const lines = await score(join(SCENARIOS, name, 'events.ndjson'))
    const contained = lines.find((line) => line.action !== 'allow')
    const { event_id, action } = contained ?? {}
    expect([event_id, action]).toEqual([expected.contained_at ?? event_id, expected.action ?? action])
    const named = lines.findIndex((line) => line.event_id === expected.finding.event)
    expect(lines[named]?.signals.map((signal) => signal.detector)).toContain(expected.finding.cause)
    const found = lines.findIndex((line) => line.finding)
    expect(found, 'a finding').toBeGreaterThanOrEqual(0)
    expect(found, 'at the event that about.md names, or before').toBeLessThanOrEqual(named)
  })

  it('leaves the honest session beside it alone', async () => {
    const control = join(SCENARIOS, name, 'control.ndjson')
    if (!existsSync(control)) return
    const lines = await score(control)
    expect(lines.filter((line) => line.finding || line.action !== 'allow')).toEqual([])
  })
})

describe('the fleet', () => {
  it('works undisturbed but for the hijacked session', async () => {
    const lines = await score('fixtures/fleet.ndjson')
    const contained = new Set(lines.filter((line) => line.action !== 'allow').map((line) => line.session_id))
    expect([...contained]).toEqual(['finance-live-hijacked'])
  })
})

async function score(path: string): Promise<ScoreLine[]> {
  const out = join(folder, 'scores.ndjson')
  await scoreFiles(settings, quiet, [path], folder, out)
  const lines = readFileSync(out, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ScoreLine)
}
