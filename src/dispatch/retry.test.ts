import { describe, expect, it } from 'vitest'
import { delayBefore } from './retry.ts'

describe('retry', () => {
  it('follows the contract: 0, 0.25, 0.5, 1, 2, 4, 8, 15, 30 s, then 60 s give or take a fifth', () => {
    const delays = Array.from({ length: 10 }, (_, attempt) => delayBefore(attempt, () => 0.5))
    expect(delays).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000])
    expect(delayBefore(50, () => 0)).toBe(48_000)
    expect(delayBefore(50, () => 0.999_999)).toBeLessThanOrEqual(72_000)
  })

  it('waits longer when the gateway asks for it, never shorter', () => {
    expect(delayBefore(1, () => 0, 9_000)).toBe(9_000)
    expect(delayBefore(8, () => 0, 10)).toBe(30_000)
  })
})
