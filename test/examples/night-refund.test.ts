import { baselineOf, detectorSuite, profileRow, run, T0_MS, toolEvent } from 'belay/testing'
import { expect, it } from 'vitest'
import detector from './night-refund.ts'

/** A role that works from Monday to Friday at ten in the morning. */
const baseline = baselineOf({
  hours: [0, 1, 2, 3, 4].map((day) => profileRow('half-hour', String(T0_MS / 1_800_000 + day * 48), 20)),
})
const refund = (amount: number, hoursLater: number) =>
  toolEvent({ tool: { name: 'issue_refund' }, args: { amount } }, { timeMs: T0_MS + hoursLater * 3_600_000 })

it('a large refund in the night is a signal that says the hour', () => {
  const [signal] = run(detector, baseline, [refund(500, 17)])
  expect(signal?.reasons[0]?.observed).toContain('03:00')
})

it('a large one by day is none, nor is a small one in the night', () => {
  expect(run(detector, baseline, [refund(500, 24), refund(100, 17)])).toEqual([])
})

detectorSuite({ detector, baseline, events: [refund(500, 17), refund(100, 24)] })
