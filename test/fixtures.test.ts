import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fixtures } from '../scripts/fixtures/main.ts'

describe('fixtures', () => {
  it.each([...fixtures()])('%s is what `npm run fixtures` writes', (path, text) => {
    expect(readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8') === text).toBe(true)
  })
})
