import type { KeyKind, Keys } from './keys.ts'
import { isMarker, type Marks } from './marker.ts'
import { findSecrets, isCardNumber, maySecret } from './patterns.ts'
import { EVENT, MAX_LENGTHS, type Rule } from './rules.ts'

/** Levels of nesting that an event may have. */
export const MAX_DEPTH = 64

/** A text that is a mark and nothing else. */
const IS_MARKED = /^\[redacted:[0-9a-f]{16}:\d{1,9}\]$/

type Json = Record<string, unknown>

/** What the walk does with a member, by its name and the part of the event it stands in. */
interface Member {
  /** a text is kept as it is */
  readonly isKept: boolean
  readonly kind: KeyKind
  readonly below: Part
}

const MAX_CACHED = 8192

/** A rule with the members it met: their names repeat from event to event, so each is looked up once. */
class Part {
  readonly rule: Rule
  private readonly known = new Map<string, Member>()
  private readonly keys: Keys
  private readonly parts: Map<Rule, Part>

  constructor(rule: Rule, keys: Keys, parts: Map<Rule, Part>) {
    this.rule = rule
    this.keys = keys
    this.parts = parts
    parts.set(rule, this)
  }

  member(key: string): Member {
    return this.known.get(key) ?? this.learn(key)
  }

  private learn(key: string): Member {
    const { rule, keys, parts } = this
    const belowRule = rule.members.get(key) ?? rule.below ?? rule
    const below = parts.get(belowRule) ?? new Part(belowRule, keys, parts)
    const member = { isKept: rule.keep.has(key), kind: keys.kindOf(key), below }
    // Names can be chosen by a stranger: the memory is bounded by starting over.
    if (this.known.size >= MAX_CACHED) this.known.clear()
    if (key.length <= 256) this.known.set(key, member)
    return member
  }
}

/** One pass over an event, copying only what changes. Synchronous, not re-entrant: `isTooDeep` is of the event at hand. */
export class Walk {
  private readonly root: Part
  private readonly marks: Marks
  private isTooDeep = false

  constructor(keys: Keys, marks: Marks) {
    this.root = new Part(EVENT, keys, new Map())
    this.marks = marks
  }

  /** The same object when nothing changed, `undefined` when it is nested too deeply. */
  event(event: object): object | undefined {
    this.isTooDeep = false
    const after = this.members(event as Json, this.root, 1, false)
    return this.isTooDeep ? undefined : after
  }

  text(text: string): string {
    if (!maySecret(text)) return text
    let out = ''
    let at = 0
    for (const { from, to } of findSecrets(text)) {
      out += text.slice(at, from) + this.marks.text(text.slice(from, to))
      at = to
    }
    return out + text.slice(at)
  }

  /** A value that is a secret whatever it looks like. */
  whole(value: unknown, isFree: boolean): unknown {
    if (value === null || value === undefined || typeof value === 'boolean' || value === '') return value
    if (typeof value === 'object' && isMarker(value)) return value
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (IS_MARKED.test(text)) return value
    return isFree ? this.marks.object(text) : this.marks.text(text)
  }

  private members(object: Json, part: Part, depth: number, isSecret: boolean): Json {
    const { rule } = part
    let copy: Json | undefined
    for (const key in object) {
      const before = object[key]
      const { isKept, kind, below } = part.member(key)
      if (isKept && typeof before === 'string') continue
      const after = this.value(before, below, depth + 1, isSecret || (kind === 'secret' && rule.mode !== 'schema'))
      if (after === before && kind !== 'prototype' && kind !== 'holds-secret') continue
      copy ??= withoutPrototype(object)
      if (kind === 'prototype') continue
      if (kind === 'holds-secret') delete copy[key]
      copy[kind === 'holds-secret' ? this.text(key) : key] = cut(after, key, rule)
    }
    return copy ?? object
  }

  private value(value: unknown, part: Part, depth: number, isSecret: boolean): unknown {
    const isFree = part.rule.mode === 'free'
    if (typeof value === 'string') {
      if (isSecret) return this.whole(value, isFree)
      return maySecret(value) ? this.patterns(value, isFree) : value
    }
    if (typeof value === 'number') {
      const isFound = isSecret || (value >= 1e12 && isCardNumber(String(value)))
      return isFound && isFree ? this.whole(value, true) : value
    }
    if (typeof value !== 'object' || value === null) return value
    if (depth > MAX_DEPTH) {
      this.isTooDeep = true
      return value
    }
    if (Array.isArray(value)) return this.items(value, part, depth, isSecret)
    return isSecret && isMarker(value) ? value : this.members(value as Json, part, depth, isSecret)
  }

  private items(items: unknown[], part: Part, depth: number, isSecret: boolean): unknown[] {
    let copy: unknown[] | undefined
    for (let i = 0; i < items.length; i++) {
      const after = this.value(items[i], part, depth + 1, isSecret)
      if (after === items[i]) continue
      copy ??= [...items]
      copy[i] = after
    }
    return copy ?? items
  }

  private patterns(text: string, isFree: boolean): unknown {
    const [first] = findSecrets(text)
    if (first === undefined) return text
    return isFree && first.from === 0 && first.to === text.length ? this.marks.object(text) : this.text(text)
  }
}

function cut(value: unknown, key: string, rule: Rule): unknown {
  if (rule.mode !== 'typed' || typeof value !== 'string') return value
  return value.slice(0, MAX_LENGTHS.get(key))
}

/** A copy without an own member named `__proto__`, which would become the prototype wherever members are assigned. */
function withoutPrototype(object: Json): Json {
  const copy = { ...object }
  Reflect.deleteProperty(copy, '__proto__')
  return copy
}
