import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assembleRules } from '../src/detect/sigma/load.ts'
import { testRules } from '../src/run/rules-test.ts'

/** Goal: the page for rule authors is true. Method: its examples are loaded and tested as they stand. */
const page = readFileSync(join(import.meta.dirname, '../docs/write-a-rule.md'), 'utf8')
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ''], i) => ({
  path: `example-${i}.yml`,
  bytes: Buffer.from(text),
}))

test('the examples of docs/write-a-rule.md load and hold their cases', () => {
  const loaded = assembleRules(examples, { nowMs: Date.UTC(2026, 10, 21) })
  expect(loaded).toMatchObject({ files: 3, failed: [], warnings: [] })
  expect(loaded.filters).toHaveLength(1)
  expect(testRules(loaded)).toEqual({ rules: 2, cases: 4, faults: [] })
})

test('the detector of docs/write-a-detector.md and its test are those that run here', () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/write-a-detector.md'), 'utf8')
  for (const file of ['night-refund.ts', 'night-refund.test.ts'])
    expect(text).toContain(readFileSync(join(import.meta.dirname, 'examples', file), 'utf8'))
})

test('the examples of docs/pep-typescript.md are those that run here', () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/pep-typescript.md'), 'utf8')
  for (const file of ['pep-serve.ts', 'pep-call-tool.ts'])
    expect(text).toContain(readFileSync(join(import.meta.dirname, 'examples', file), 'utf8'))
})
