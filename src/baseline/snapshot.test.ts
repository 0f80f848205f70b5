import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { profileRow } from '../testing/baseline.ts'
import { NO_CALIBRATION } from './empty.ts'
import {
  loadBaselines,
  makeSnapshot,
  parseBaseline,
  SHELF_LIFE_MS,
  type SnapshotHead,
  saveBaselines,
  serialise,
  stateAt,
} from './snapshot.ts'

const HEAD: SnapshotHead = {
  tenant: 'acme',
  role: 'pay/../roll',
  state: 'active',
  sessions: 100,
  agents: 3,
  calls: 300,
  days: 5,
  fromMs: 1,
  toMs: 2,
  timeZone: 'UTC',
}
const ROWS = { tools: [profileRow('files', 'read', 90), profileRow('files', 'send', 5)] }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belay-baselines-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

it('the version is the digest of the content: the same rows in any order, the same version', () => {
  const one = serialise(makeSnapshot(HEAD, ROWS, NO_CALIBRATION))
  const turned = serialise(makeSnapshot(HEAD, { tools: [...ROWS.tools].reverse() }, NO_CALIBRATION))
  expect(parseBaseline(one).version).toMatch(/^[0-9a-f]{16}$/)
  expect(parseBaseline(turned).version).toBe(parseBaseline(one).version)
  const other = serialise(makeSnapshot({ ...HEAD, sessions: 101 }, ROWS, NO_CALIBRATION))
  expect(parseBaseline(other).version).not.toBe(parseBaseline(one).version)
})

it('is saved and loaded whole, and a role cannot name a file elsewhere', async () => {
  await saveBaselines(folder, [makeSnapshot(HEAD, ROWS, NO_CALIBRATION)])
  const loaded = (await loadBaselines(folder)).of('acme', 'pay/../roll')
  expect(loaded).toMatchObject({ state: 'active', sessions: 100 })
  expect(loaded?.tools.surprise('files', 'send').sessions).toBe(5)
})

it('says what to do with a file that is no baseline', async () => {
  await writeFile(join(folder, 'bad.baseline.json'), '{"format":7}')
  await expect(loadBaselines(folder)).rejects.toThrow(/learn it again/)
})

it('is refused under another key than it was learnt with', async () => {
  const own = await mkdtemp(join(folder, 'key-'))
  await saveBaselines(own, [makeSnapshot({ ...HEAD, refsKey: '0a1b2c3d' }, ROWS, NO_CALIBRATION)])
  expect((await loadBaselines(own, '0a1b2c3d')).all).toHaveLength(1)
  await expect(loadBaselines(own, 'ffffffff')).rejects.toMatchObject({
    code: 'baseline-of-another-key',
    message: expect.stringContaining('refs.key') as string,
  })
})

it('goes stale when it is not learnt anew, unless it is still learning', () => {
  expect(stateAt({ state: 'active', toMs: 0 }, SHELF_LIFE_MS)).toBe('active')
  expect(stateAt({ state: 'active', toMs: 0 }, SHELF_LIFE_MS + 1)).toBe('stale')
  expect(stateAt({ state: 'learning', toMs: 0 }, SHELF_LIFE_MS + 1)).toBe('learning')
})
