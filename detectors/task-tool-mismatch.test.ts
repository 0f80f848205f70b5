import { describe, expect, it } from 'vitest'
import { createRefExtractor } from '../src/accept/refs.ts'
import type { EventData, Signal } from '../src/model/index.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './task-tool-mismatch.ts'

const refsOf = createRefExtractor({ key: 'test' })

/** One call for a task; the role uses the tool in 60 of 100 sessions, and unasked in so many. */
function call(tool: string, task: string | undefined, unasked = 0, data: Partial<EventData> = {}): Signal | undefined {
  const baseline = baselineOf({
    tools: [
      profileRow('files', tool, 60),
      ...(unasked > 0 ? [profileRow('files', `${tool}\u001funasked`, unasked)] : []),
    ],
  })
  const event = toolEvent({ tool: { name: tool }, ...(task !== undefined && { intent: { text: task } }), ...data })
  const full = { ...event.data, refs: refsOf(event.data) }
  return run(detector, baseline, [{ ...event, data: full, cloud: { ...event.cloud, data: full } }])[0]
}

describe('a grave action', () => {
  it.each([
    ['delete_folder', 'destroys something'],
    ['addCollaborator', 'gives somebody rights'],
    ['send_payment', 'moves money'],
    ['run_script', 'runs something'],
  ])('%s that the task does not ask for is told', (tool, words) => {
    const signal = call(tool, 'Summarise the minutes of Monday.')
    expect(signal?.strength).toBeGreaterThan(3)
    expect(signal?.reasons[0]?.what).toContain(words)
  })

  it('that the task asks for is none', () => {
    expect(call('delete_folder', 'Remove the folder of last year.')).toBeUndefined()
    expect(call('send_payment', 'Transfer 40 euros of money to the club.')).toBeUndefined()
  })

  it('is none where nobody knows the task, and a harmless one never is', () => {
    expect(call('delete_folder', undefined)).toBeUndefined()
    expect(call('list_folders', 'Summarise the minutes of Monday.')).toBeUndefined()
    expect(call('draft_note', 'Summarise the minutes of Monday.')).toBeUndefined()
  })

  it('is told as long as the role hardly ever does it unasked', () => {
    expect(call('delete_folder', 'Summarise the minutes of Monday.', 1)?.strength).toBeGreaterThan(3)
    expect(call('delete_folder', 'Summarise the minutes of Monday.', 2)).toBeUndefined()
  })
})
