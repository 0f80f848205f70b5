import { expect, test } from 'vitest'
import { toStoreError } from './errors.ts'

const engine = (code: string, message = 'it said so') => Object.assign(new Error(message), { code })

test('says what kind of failure it was', () => {
  const codes = { '243': 'full', ENOSPC: 'full', '252': 'unavailable', ECONNREFUSED: 'unavailable', '62': 'refused' }
  const kinds = Object.keys(codes).map((code) => [code, toStoreError(engine(code), 'insert').code])
  expect(Object.fromEntries(kinds)).toEqual(codes)
  expect(toStoreError(new Error('Timeout error.'), 'insert').code).toBe('unavailable')
  expect(toStoreError(new TypeError('value is not a string'), 'insert').code).toBe('refused')
})

test('reads the code of the embedded engine from its text, and says what to do about a lock', () => {
  const error = Object.assign(new Error('Code: 76. DB::Exception: Cannot lock file /data/status'), {
    code: 'CHDB_CONNECTION',
  })
  const { code, message, cause } = toStoreError(error, 'open the store')
  expect(code).toBe('unavailable')
  expect(message).toContain('another process has this data directory open')
  expect(cause).toBe(error)
})
