import type { Expression, Item, Match, TextMatch } from './ast.ts'
import { compileMatch, holdsWhenMissing, type ScalarTest } from './compile-match.ts'
import { comparable, type EventView, type FieldSlots } from './event-view.ts'
import { plainText } from './pattern.ts'
import { type TextTest, textTest } from './text-test.ts'

/** A compiled condition: a closure over the event's view. It reads nothing else. */
export type Test = (view: EventView) => boolean

export function compile(expression: Expression, slots: FieldSlots): Test {
  switch (expression.kind) {
    case 'search':
      return compile(expression.of, slots)
    case 'item':
      return compileItem(expression, slots)
    case 'not': {
      const test = compile(expression.of, slots)
      return (view) => !test(view)
    }
    case 'and':
      return every(cheapFirst(expression.of).map((one) => compile(one, slots)))
    case 'or':
      return some(cheapFirst(expression.of).map((one) => compile(one, slots)))
    case 'at-least': {
      const tests = expression.of.map((one) => compile(one, slots))
      return (view) => {
        let left = expression.count
        for (const test of tests) if (test(view) && --left === 0) return true
        return false
      }
    }
  }
}

function every(tests: readonly Test[]): Test {
  const [a, b] = tests
  if (tests.length === 1 && a) return a
  if (tests.length === 2 && a && b) return (view) => a(view) && b(view)
  return (view) => {
    for (const test of tests) if (!test(view)) return false
    return true
  }
}

function some(tests: readonly Test[]): Test {
  const [a, b] = tests
  if (tests.length === 1 && a) return a
  if (tests.length === 2 && a && b) return (view) => a(view) || b(view)
  return (view) => {
    for (const test of tests) if (test(view)) return true
    return false
  }
}

/** Tests have no effect, so their order is free: the ones that cost least go first. */
function cheapFirst(of: readonly Expression[]): readonly Expression[] {
  return of
    .map((expression) => ({ expression, cost: costOf(expression) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ expression }) => expression)
}

function costOf(expression: Expression): number {
  switch (expression.kind) {
    case 'search':
    case 'not':
      return costOf(expression.of)
    case 'and':
    case 'or':
    case 'at-least':
      return expression.of.reduce((sum, one) => sum + costOf(one), 0)
    case 'item': {
      const each = expression.field === undefined ? 50 : 1
      return expression.values.reduce((sum, value) => sum + each * (value.kind === 'regex' ? 20 : 1), 0)
    }
  }
}

// --------------------------------------------------------------------------------------------------- items

function compileItem(item: Item, slots: FieldSlots): Test {
  const test = item.field === undefined ? compileKeywords(item, slots) : compileField(item, item.field, slots)
  return item.negated ? (view) => !test(view) : test
}

/** Case-insensitive text, by far the most, is compared with the slot's lower case, made once an event. */
function areUncased(values: readonly Match[]): values is readonly TextMatch[] {
  return values.every((value) => value.kind === 'text' && !value.cased)
}

function compileField(item: Item, field: string, slots: FieldSlots): Test {
  const slot = slots.slotOf(field)
  const expected = item.values.flatMap((value) => (value.kind === 'exists' ? [value.expected] : []))
  if (expected.length > 0) return (view) => expected.includes(view.values[slot] !== undefined)
  const missing = item.link === 'any' ? item.values.some(holdsWhenMissing) : item.values.every(holdsWhenMissing)
  const tests = item.values.map((value) => compileMatch(value, slots))
  const onValue = item.link === 'any' ? anyValue(tests) : everyValue(tests)
  const { values } = item
  if (!areUncased(values))
    return (view) => {
      const value = view.values[slot]
      return value === undefined ? missing : onValue(value, view)
    }
  const onText = linked(values, item.link)
  // a modifier is the whole line's
  const anyDash = values[0]?.anyDash === true
  return (view) => {
    const value = view.values[slot]
    if (typeof value === 'string') return onText(anyDash ? view.dashed(slot) : view.lower(slot))
    return value !== undefined && onValue(value, view)
  }
}

/** Values without wildcards are looked up together; the others are tried in turn. */
function linked(values: readonly TextMatch[], link: Item['link']): TextTest {
  const tests = values.map(textTest)
  const [only] = tests
  if (tests.length === 1 && only) return only
  if (link === 'all') return (text) => tests.every((test) => test(text))
  const exact = new Set<string>()
  const others: TextTest[] = []
  for (const value of values) {
    const whole = plainText(value.pattern)
    if (whole === undefined) others.push(textTest(value))
    else exact.add(comparable(whole, false, value.anyDash))
  }
  if (others.length === 0) return (text) => exact.has(text)
  return (text) => {
    if (exact.has(text)) return true
    for (const test of others) if (test(text)) return true
    return false
  }
}

/** A list in the event: any of its elements matches any of the values. */
function anyValue(tests: readonly ScalarTest[]): ScalarTest {
  return (value, view) =>
    Array.isArray(value)
      ? value.some((element) => tests.some((test) => test(element, view)))
      : tests.some((test) => test(value, view))
}

/** `all`: each of the values is matched by some element. */
function everyValue(tests: readonly ScalarTest[]): ScalarTest {
  const each = tests.map((test) => anyValue([test]))
  return (value, view) => each.every((test) => test(value, view))
}

/** Each keyword may be anywhere in the event. */
function compileKeywords(item: Item, slots: FieldSlots): Test {
  const { values } = item
  if (areUncased(values) && !values.some((value) => value.anyDash)) {
    const tests = values.map(textTest)
    if (item.link === 'all') return (view) => tests.every((test) => view.texts().some(test))
    const any = linked(values, 'any')
    return (view) => view.texts().some(any)
  }
  const tests = item.values.map((value) => compileMatch(value, slots))
  if (item.link === 'all') return (view) => tests.every((test) => view.scalars().some((value) => test(value, view)))
  return (view) => view.scalars().some((value) => tests.some((test) => test(value, view)))
}
