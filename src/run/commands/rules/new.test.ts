import { expect, test } from 'vitest'
import { assembleRules } from '../../../detect/sigma/load.ts'
import { testRules } from '../../rules-test.ts'
import { ruleText } from './new.ts'

test('a new rule loads and holds its cases as it stands', () => {
  const loaded = assembleRules([{ path: 'new.yml', bytes: Buffer.from(ruleText('big-refund')) }])
  expect(loaded).toMatchObject({ failed: [], warnings: [] })
  expect(testRules(loaded)).toEqual({ rules: 1, cases: 2, faults: [] })
})
