import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseConfig } from '../config.ts'
import { RuleBook } from './rules.ts'

const folder = await mkdtemp(join(tmpdir(), 'belay-rules-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const rule = (title: string, condition = 'a') =>
  `title: ${title}\nlogsource: {category: agent_tool_event}\ndetection: {a: {tool.name: x}, condition: ${condition}}\n`

test('a changed set replaces the old one as a whole or not at all', async () => {
  const said: string[] = []
  const book = new RuleBook(parseConfig(JSON.stringify({ rules: { builtIn: false, folders: [folder] } }), 'test'), {
    swapped: (_generation, rules, failed) => said.push(`${rules} run, ${failed.length} do not`),
    kept: (_generation, failed) => said.push(`kept, ${failed.length} do not load`),
  })
  await writeFile(join(folder, 'a.yml'), rule('one'))
  await writeFile(join(folder, 'b.yml'), rule('broken', 'nothing'))
  await book.refresh(0)
  const first = book.of()?.generation
  await book.refresh(0)
  await writeFile(join(folder, 'c.yml'), rule('two'))
  await book.refresh(0)
  expect(book.of()?.generation).toBe(first)
  expect(book.counts).toEqual({ running: 1, failed: 1 })
  await writeFile(join(folder, 'b.yml'), rule('mended'))
  await book.refresh(0)
  expect(book.of()?.generation).not.toBe(first)
  expect(said).toEqual(['1 run, 1 do not', 'kept, 1 do not load', '3 run, 0 do not'])
})

test('an exception ends when its time has come, and the set has another name then', async () => {
  const own = await mkdtemp(join(folder, 'expiring-'))
  await writeFile(join(own, 'a.yml'), `${rule('one')}name: one\n`)
  const filter = `filter: {rules: [one], ours: {agent.id: x}, condition: ours}\nexpires: 2026-11-21\nowner: me\nreason: r\n`
  await writeFile(join(own, 'f.yml'), `title: ours\nlogsource: {category: agent_tool_event}\n${filter}`)
  const config = parseConfig(JSON.stringify({ rules: { builtIn: false, folders: [own] } }), 'test')
  const names: string[] = []
  const book = new RuleBook(config, { swapped: (generation) => names.push(generation), kept: () => undefined })
  await book.refresh(Date.UTC(2026, 10, 1))
  expect(book.of()?.silenced).toMatchObject([{ title: 'ours', owner: 'me', matches: 0 }])
  await book.refresh(Date.UTC(2026, 10, 2))
  expect(names).toHaveLength(1)
  await book.refresh(Date.UTC(2026, 11, 1))
  expect(book.of()?.silenced).toEqual([])
  expect(new Set(names).size).toBe(2)
})

test('the values of `expand` come from the configuration', async () => {
  const own = await mkdtemp(join(folder, 'expanding-'))
  await writeFile(join(own, 'a.yml'), rule('one').replace('tool.name: x', 'tool.name|expand: "%payments%"'))
  const sizes: (readonly [number, number])[] = []
  const observer = {
    swapped: (_generation: string, rules: number, failed: readonly unknown[]) => sizes.push([rules, failed.length]),
    kept: () => undefined,
  }
  const rules = { builtIn: false, folders: [own] }
  await new RuleBook(parseConfig(JSON.stringify({ rules }), 'test'), observer).refresh(0)
  const placeholders = { payments: ['send_payment'] }
  await new RuleBook(parseConfig(JSON.stringify({ rules: { ...rules, placeholders } }), 'test'), observer).refresh(0)
  expect(sizes).toEqual([
    [0, 1],
    [1, 0],
  ])
})

test('rules are switched off by name', async () => {
  const config = parseConfig(JSON.stringify({ rules: { disabled: ['slow-tool'] } }), 'test')
  const sizes: number[] = []
  const observer = { swapped: (_generation: string, rules: number) => sizes.push(rules), kept: () => undefined }
  await new RuleBook(config, observer).refresh(0)
  await new RuleBook(parseConfig('{}', 'test'), observer).refresh(0)
  expect(sizes[1]).toBe((sizes[0] ?? 0) + 1)
})
