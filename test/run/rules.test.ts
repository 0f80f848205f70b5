import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { run } from './belay.ts'

vi.setConfig({ testTimeout: 60_000 })

const folder = mkdtempSync(join(tmpdir(), 'belay-rules-'))
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const rule = (id: string, search: string): string =>
  `title: Rule ${id}\nid: ${id}\nlogsource: {product: any}\ndetection:\n    selection:\n        ${search}\n    condition: selection\n`
const count = (id: string): string =>
  `title: Many\nid: many\ncorrelation: {type: event_count, rules: [${id}], group-by: [User], timespan: 1m, condition: {gte: 2}}\n`

const rules = file(
  'rules.yml',
  [rule('r-1', "Image|endswith: '\\a.exe'"), rule('r-2', 'User: bob'), count('r-2')].join('---\n'),
)
const broken = file('broken.yml', rule('r-3', 'User|contans: x'))
const events = [
  { timestamp: '2026-01-01T00:00:00Z', Image: 'C:\\A.exe', User: 'bob' },
  { timestamp: '2026-01-01T00:00:30Z', User: 'bob', text: 'line\u2028separator' },
  { timestamp: '2026-01-01T00:05:00Z', User: 'bob' },
].map((event) => JSON.stringify(event))

test('rules check counts what loads and says what does not', async () => {
  const { code, out } = await run(['rules', 'check', '--rules', rules, broken, '--json'])
  expect(JSON.parse(out)).toEqual({
    files: 2,
    rules: 2,
    correlations: 1,
    filters: 0,
    failed: [{ file: broken, error: expect.stringMatching(/^line 6: there is no modifier `contans`/) as unknown }],
  })
  expect(code).toBe(1)
  const good = await run(['rules', 'check', '--rules', rules])
  expect([good.code, good.out]).toEqual([
    0,
    expect.stringContaining('2 rules, 1 correlations and 0 filters load, 0 do not'),
  ])
})

test('rules match --raw writes one line per match, and one on standard error per rule or line that it cannot read', async () => {
  const path = file('events.ndjson', `${events[0]}\n\nnot json\n${events[1]}\n${events[2]}`)
  const { code, out, err } = await run(['rules', 'match', '--rules', rules, broken, '--events', path, '--raw'])
  expect(code).toBe(0)
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { event: 0, rule: 'r-1' },
    { event: 3, rule: 'many' },
  ])
  const told = err
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as unknown)
  expect(told).toMatchObject([
    { file: broken, error: expect.stringContaining('line 6') as unknown },
    { event: 2, error: expect.stringContaining('not JSON') as unknown },
  ])
})

test('rules match reads .gz and writes a file', async () => {
  const zipped = file('events.ndjson.gz', gzipSync(events.join('\n')))
  const out = join(folder, 'matches.ndjson')
  const { code } = await run(['rules', 'match', '--rules', rules, '--events', zipped, '--raw', '--out', out])
  expect([code, readFileSync(out, 'utf8')]).toEqual([0, '{"event":0,"rule":"r-1"}\n{"event":1,"rule":"many"}\n'])
})

test('rules match says what a wrong call needs', async () => {
  const plain = await run(['rules', 'match', '--rules', rules, '--events', 'x'])
  expect([plain.code, plain.err]).toEqual([2, expect.stringContaining('add --raw')])
  const nowhere = await run(['rules', 'match', '--rules', rules, '--events', join(folder, 'nowhere'), '--raw'])
  expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('cannot be read')])
  const noRules = await run(['rules', 'check', '--rules', join(folder, 'none')])
  expect([noRules.code, noRules.err]).toEqual([1, expect.stringContaining('no such file')])
})

test('rules sql writes a query per rule, and says which have none', async () => {
  const agents = 'logsource: {category: agent_tool_event}\ndetection:\n    it: {'
  const reads = `title: Reads\nid: reads\n${agents}tool.name: read_file}\n    condition: it\n`
  const risky = `title: Risky\nid: risky\n${agents}session.risk|gt: 0.4}\n    condition: it\n`
  const path = file('sql.yml', `${reads}---\n${risky}`)
  const { code, out, err } = await run(['rules', 'sql', '--rules', path])
  expect(out).toMatch(/^-- Reads \(reads\), .*sql.yml:1\nSELECT [\s\S]+;\n/)
  expect(err).toContain('sql.yml:8: has no SQL: session.risk is not stored with the event')
  expect(code).toBe(1)
  const json = await run(['rules', 'sql', '--rules', path, '--json'])
  expect(JSON.parse(json.out)).toEqual({
    queries: [{ rule: 'reads', sql: expect.stringContaining('FROM events') as unknown }],
    failed: [{ file: path, error: expect.stringMatching(/^line 8: has no SQL/) as unknown }],
  })
})
