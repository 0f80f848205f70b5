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

test('rules are switched off by name', async () => {
  const config = parseConfig(JSON.stringify({ rules: { disabled: ['slow-tool'] } }), 'test')
  const sizes: number[] = []
  const observer = { swapped: (_generation: string, rules: number) => sizes.push(rules), kept: () => undefined }
  await new RuleBook(config, observer).refresh(0)
  await new RuleBook(parseConfig('{}', 'test'), observer).refresh(0)
  expect(sizes[1]).toBe((sizes[0] ?? 0) + 1)
})
