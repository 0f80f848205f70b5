import { expect, it } from 'vitest'
import { createRefExtractor } from '../src/accept/refs.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './intent-mismatch.ts'

const refsOf = createRefExtractor({ key: 'test' })
const stating = (text: string, callId = 'a') => {
  const event = toolEvent({ call_id: callId, intent: { text } })
  const data = { ...event.data, refs: refsOf(event.data) }
  return { ...event, data, cloud: { ...event.cloud, data } }
}
const asks = (text: string) =>
  stating(text)
    .data.refs.filter((ref) => ref.in === 'intent' && ref.kind === 'ask')
    .map((ref) => ref.fp)
const baseline = baselineOf({
  intents: [
    ...asks('Summarize the report file').map((fp) => profileRow('ask', fp, 95)),
    ...asks('Send an email').map((fp) => profileRow('ask', fp, 5)),
  ],
})

it('an intent that no task of the role has is a signal, and says whether it came later', () => {
  const [first] = run(detector, baseline, [stating('Delete the user account')])
  expect(first?.reasons[0]).toMatchObject({ what: 'task of the session' })
  const [later] = run(detector, baseline, [stating('Inspect the file'), stating('Delete the user account', 'b')])
  expect(later?.reasons[0]).toMatchObject({ what: 'intent stated in the session' })
})
it('the usual task is none, and the same one is looked at once', () => {
  expect(run(detector, baseline, [stating('Inspect the file')])).toEqual([])
  const again = [stating('Delete the user account'), stating('Delete the user account', 'b')]
  expect(run(detector, baseline, again)).toHaveLength(1)
})
it('five times in a hundred is the edge', () => {
  expect(run(detector, baseline, [stating('Send an email')])).toEqual([])
})
it('a role whose history states no intents is not judged', () => {
  expect(run(detector, baselineOf({}), [stating('Delete the user account')])).toEqual([])
})
