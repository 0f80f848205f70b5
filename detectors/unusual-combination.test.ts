import { expect, it } from 'vitest'
import { compileCombination, learnCombination } from '../src/baseline/combination.ts'
import { describeCalls } from '../src/detect/calibrate.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './unusual-combination.ts'

const plain = baselineOf({
  tools: [profileRow('files', 'update_note', 95), profileRow('files', 'send_report', 90)],
})

/** Writes small notes first and sends a large report last. */
const sessionOf = (n: number) =>
  Array.from({ length: 6 }, (_, i) =>
    toolEvent({
      call_id: `${n}-${i}`,
      session: { id: `s${n}` },
      tool: { name: i < 5 ? 'update_note' : 'send_report' },
      args_bytes: i < 5 ? 40 + ((n * 31 + i * 17) % 30) : 3_000 + ((n * 97) % 900),
    }),
  )
const folds = [0, 1, 2, 3].map((fold) =>
  describeCalls({ baseline: plain, sessions: Array.from({ length: 25 }, (_, n) => sessionOf(fold * 25 + n)) }),
)
const combination = compileCombination(learnCombination(folds)?.all)
const baseline = { ...plain, ...(combination && { combination }) }

it('a large argument where small ones are usual is a signal that names what is unusual together', () => {
  const events = sessionOf(200).map((event, i) =>
    i === 0 ? toolEvent({ ...event.data, tool: { name: 'send_report' }, args_bytes: 3_400 }) : event,
  )
  const [signal] = run(detector, baseline, events)
  expect(signal?.strength).toBeGreaterThanOrEqual(4)
  expect(signal?.reasons[0]?.observed).toContain('bytes of arguments')
})

it('few calls of sessions like those it was learnt from are one', () => {
  const signals = Array.from({ length: 40 }, (_, n) => run(detector, baseline, sessionOf(300 + n))).flat()
  expect(signals.length / (40 * 6)).toBeLessThan(0.2)
})

it('a role without a forest is not judged', () => {
  expect(run(detector, plain, sessionOf(1))).toEqual([])
})

it('a call that only reads is not described', () => {
  const odd = toolEvent({ tool: { name: 'read_file', annotations: { readOnlyHint: true } }, args_bytes: 1e9 })
  expect(run(detector, baseline, [odd])).toEqual([])
})
