import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

test('every test that docs/sigma.md names is there', () => {
  const rows = [...read('../../../docs/sigma.md').matchAll(/\| (spec|modifiers|correlate): (.*) \|$/gm)]
  expect(rows.length).toBeGreaterThan(40)
  for (const [, file = '', name = ''] of rows) {
    const source = read(`${file}.test.ts`).replaceAll('\\\\', '\\')
    expect([name, source.includes(name.replaceAll('\\|', '|'))]).toEqual([name, true])
  }
})
