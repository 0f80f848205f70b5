import fc from 'fast-check'
import { expect, test } from 'vitest'
import { judgeClock, parseTimeMs } from './time.ts'

test('every instant that Date can print is read back', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      expect(parseTimeMs(date.toISOString())).toBe(date.getTime())
    }),
  )
})

test.each([
  ['2026-11-21T00:00:14Z', '2026-11-21T00:00:14.000Z'],
  ['2026-11-21t00:00:14.2z', '2026-11-21T00:00:14.200Z'],
  ['2026-11-21 02:30:14.123456789+02:30', '2026-11-21T00:00:14.123Z'],
  ['2026-11-20T23:00:14.260-01:00', '2026-11-21T00:00:14.260Z'],
  ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999Z'],
  ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000Z'],
])('%s', (text, iso) => {
  expect(new Date(parseTimeMs(text)).toISOString()).toBe(iso)
})

test.each([
  '',
  '2026-11-21',
  '2026-11-21T00:00:14',
  '2026-02-30T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-11-21T24:00:00Z',
  '2026-11-21T00:00:00.Z',
  '2026-11-21T00:00:00.1aaZ',
  '2026-11-21T00:00:00+2:00',
  '2026-11-21T00:00:00+25:00',
  ' 2026-11-21T00:00:00Z',
  '1 may 2026, at 00:00',
])('%j is no time', (text) => {
  expect(parseTimeMs(text)).toBeNaN()
})

test('the clock rule: 5 minutes ahead, 24 hours behind', () => {
  const receivedMs = 1_800_000_000_000
  const minute = 60_000
  expect(judgeClock(receivedMs + 5 * minute, receivedMs)).toEqual({ clock: 'on-time', timeMs: receivedMs + 5 * minute })
  expect(judgeClock(receivedMs + 5 * minute + 1, receivedMs)).toEqual({ clock: 'ahead', timeMs: receivedMs })
  expect(judgeClock(receivedMs - 1440 * minute, receivedMs).clock).toBe('on-time')
  expect(judgeClock(receivedMs - 1440 * minute - 1, receivedMs)).toEqual({ clock: 'late', timeMs: receivedMs })
})
