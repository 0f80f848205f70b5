import type { CompareMatch, Comparison, FieldMatch, Match, TextMatch, TimeMatch } from './ast.ts'
import { inNetwork, parseIp } from './cidr.ts'
import { comparable, type EventView, type FieldSlots, textOf } from './event-view.ts'
import { lowerCase } from './fold.ts'
import { readNumber } from './parse-values.ts'
import { regexTest } from './regex.ts'
import { textTest } from './text-test.ts'
import { partOf } from './time-part.ts'

/** Whether one scalar of the event (or null, or a map) is what a rule's value asks for. */
export type ScalarTest = (value: unknown, view: EventView) => boolean

export function compileMatch(match: Match, slots: FieldSlots): ScalarTest {
  switch (match.kind) {
    case 'text':
      return textScalar(match)
    case 'number': {
      const written = lowerCase(match.text)
      return (value) =>
        typeof value === 'string'
          ? lowerCase(value) === written || readNumber(value) === match.value
          : value === match.value
    }
    case 'boolean':
      return (value) => value === match.value || (typeof value === 'string' && lowerCase(value) === String(match.value))
    case 'null':
      return (value) => value === null
    // the presence of a field is asked of the event, not of a value: see compile.ts
    case 'exists':
      return () => match.expected
    case 'regex':
      return onText(regexTest(match))
    case 'cidr':
      return onText((text) => {
        const address = parseIp(text)
        return address !== undefined && inNetwork(address, match)
      })
    case 'compare':
      return compareScalar(match)
    case 'time':
      return timeScalar(match)
    case 'field':
      return fieldScalar(match, slots)
    case 'any': {
      const tests = match.of.map((one) => compileMatch(one, slots))
      return (value, view) => tests.some((test) => test(value, view))
    }
  }
}

/** What a value says of a missing field. */
export function holdsWhenMissing(match: Match): boolean {
  if (match.kind === 'any') return match.of.some(holdsWhenMissing)
  return match.kind === 'null'
}

function onText(test: (text: string) => boolean): ScalarTest {
  return (value) => {
    const text = textOf(value)
    return text !== undefined && test(text)
  }
}

function textScalar(match: TextMatch): ScalarTest {
  const test = textTest(match)
  return onText((text) => test(comparable(text, match.cased, match.anyDash)))
}

function compareScalar({ comparison, value: limit }: CompareMatch): ScalarTest {
  return (value) => {
    const number = typeof value === 'number' ? value : typeof value === 'string' ? readNumber(value) : undefined
    return number !== undefined && compares(number, comparison, limit)
  }
}

function timeScalar({ part, comparison, value: limit }: TimeMatch): ScalarTest {
  return (value) => {
    const number = partOf(value, part)
    return number !== undefined && compares(number, comparison, limit)
  }
}

function compares(number: number, comparison: Comparison | 'eq', limit: number): boolean {
  switch (comparison) {
    case 'lt':
      return number < limit
    case 'lte':
      return number <= limit
    case 'gt':
      return number > limit
    case 'gte':
      return number >= limit
    case 'eq':
      return number === limit
  }
}

/** A list in the other field matches when any of its elements does. */
function fieldScalar({ field, relation, cased }: FieldMatch, slots: FieldSlots): ScalarTest {
  const slot = slots.slotOf(field)
  const related = (mine: string, other: unknown): boolean => {
    if (Array.isArray(other)) return other.some((element) => related(mine, element))
    const text = textOf(other)
    if (text === undefined) return false
    const theirs = cased ? text : lowerCase(text)
    switch (relation) {
      case 'equals':
        return mine === theirs
      case 'startswith':
        return mine.startsWith(theirs)
      case 'endswith':
        return mine.endsWith(theirs)
      case 'contains':
        return mine.includes(theirs)
    }
  }
  return (value, view) => {
    const text = textOf(value)
    return text !== undefined && related(cased ? text : lowerCase(text), view.values[slot])
  }
}
