import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SseParser } from './sse.ts'

it('reads ids, names and data over several lines; comments and empty events say nothing', () => {
  const events = new SseParser().push(': ping\n\nid: 7\nevent: apply\ndata: a\ndata:b\n\nid: 8\n\ndata: c\n\n')
  expect(events).toEqual([
    { id: '7', event: 'apply', data: 'a\nb' },
    { event: 'message', data: 'c' },
  ])
})

it('gives the same however the text is cut, whatever ends its lines', () => {
  const line = fc.constantFrom('data: x', 'id: 1', 'event: e', ': c', '', 'data', 'odd')
  const end = fc.constantFrom('\n', '\r\n', '\r')
  const text = fc
    .array(fc.tuple(line, end), { maxLength: 30 })
    .map((lines) => `${lines.map(([a, b]) => a + b).join('')}data: last\n\n`)
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 60 }), { maxLength: 10 }), (whole, cuts) => {
      const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length]
      const parser = new SseParser()
      const pieces = places.slice(1).flatMap((to, i) => parser.push(whole.slice(places[i], to)))
      expect(pieces).toEqual(new SseParser().push(whole))
    }),
  )
})
