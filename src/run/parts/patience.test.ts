import { expect, test } from 'vitest'
import { Patience, RestingError } from './patience.ts'

test('after a failure nothing is asked until it has rested', async () => {
  let nowMs = 0
  let asked = 0
  const patience = new Patience(1_000, () => nowMs)
  const away = () => patience.ask(() => Promise.reject(new Error(`away ${++asked}`)))
  const there = () => patience.ask(() => Promise.resolve(`answer ${++asked}`))

  expect(await there()).toBe('answer 1')
  await expect(away()).rejects.toThrow('away 2')
  nowMs = 999
  await expect(there()).rejects.toThrow(RestingError)
  nowMs = 1_000
  await expect(away()).rejects.toThrow('away 3')
  await expect(there()).rejects.toThrow(RestingError)
  nowMs = 2_000
  expect(await there()).toBe('answer 4')
  expect(await there()).toBe('answer 5')
})
