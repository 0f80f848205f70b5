import { expect, it } from 'vitest'
import { findingOf, judgedCalls } from '../testing/judged.ts'
import { isNews, isWorse, revised } from './finding.ts'

const [first, second] = judgedCalls(1)
if (first === undefined || second === undefined) throw new Error('a call has two events')
const worst = findingOf(first, { severity: 'high', score: 3 })

it('severity decides which event is worse, then evidence', () => {
  expect(isWorse(worst, 'critical', 0)).toBe(true)
  expect(isWorse(worst, 'high', 3.1)).toBe(true)
  expect(isWorse(worst, 'high', 3)).toBe(false)
  expect(isWorse(worst, 'low', 99)).toBe(false)
})

it('a worse severity is told at once, more of the same now and then', () => {
  expect(isNews({ worst, count: 2 }, 'critical')).toBe(true)
  const told = Array.from({ length: 70 }, (_, i) => i + 2).filter((count) => isNews({ worst, count }, 'high'))
  expect(told).toEqual([4, 8, 16, 32, 64])
})

it('a revision shows the worst event and names the one at hand', () => {
  const update = revised({ worst, count: 4 }, second.event)
  expect(update).toMatchObject({ activity: 'updated', count: 4, eventId: first.event.id, severity: 'high' })
  expect(update.latest.id).toBe(second.event.id)
})
