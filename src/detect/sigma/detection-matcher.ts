import type { DetectionRule } from './ast.ts'
import { compile, type Test } from './compile.ts'
import { EventView, FieldSlots } from './event-view.ts'
import { type EventShape, type FieldRead, flattened, MAX_DEPTH } from './fields.ts'
import { lowerCase } from './fold.ts'
import { GramIndex } from './gram-index.ts'
import { type Atom, AtomStatistics, guardsOf } from './guards.ts'

/**
 * Compiled detection rules. An event is walked once: every key that a rule names fills its slot, and the slot's value
 * wakes the rules that ask for it (see guards.ts). Only those are evaluated, so a rule about fields the event does not
 * have costs nothing. Holds no state between events; not safe to call while it runs.
 */
export class DetectionMatcher<E> {
  readonly rules: readonly DetectionRule[]
  private readonly shape: EventShape<E>
  private readonly tests: readonly Test[]
  private readonly view: EventView
  private readonly root: PathNode = { children: new Map() }
  private readonly added: { readonly slot: number; readonly read: FieldRead<E> }[] = []
  private readonly indexes: (SlotIndex | undefined)[]
  private readonly keywordGrams: GramIndex | undefined
  private readonly always: readonly number[]

  /** how each touched slot was filled: by a path or by a key exactly as the rule names it */
  private readonly filled: Uint8Array
  private readonly touched: number[] = []
  private readonly wokenAt: Uint32Array
  private readonly woken: number[] = []
  private round = 0

  constructor(rules: readonly DetectionRule[], shape: EventShape<E>) {
    this.rules = rules
    this.shape = shape
    const slots = new FieldSlots()
    this.tests = rules.map((rule) => compile(rule.condition, slots))
    const builder = new IndexBuilder(rules, slots)
    this.indexes = builder.indexes
    this.keywordGrams = builder.keywordGrams
    this.always = builder.always
    for (const [slot, name] of slots.names.entries()) this.addField(name, slot)
    this.view = new EventView(slots.names.length)
    this.filled = new Uint8Array(slots.names.length)
    this.wokenAt = new Uint32Array(rules.length)
  }

  /** The rules that match the event, in the order they were given. */
  match(event: E): readonly DetectionRule[] {
    this.begin(event)
    for (const slot of this.touched) this.wakeBySlot(slot)
    if (this.keywordGrams) for (const text of this.view.texts()) this.keywordGrams.scan(text, this.wake)
    for (const rule of this.always) this.wake(rule)
    let matched: number[] | undefined
    for (const rule of this.woken) if (this.tests[rule]?.(this.view)) matched = append(matched, rule)
    if (matched === undefined) return NONE
    return matched.sort((a, b) => a - b).map((rule) => this.rules[rule] as DetectionRule)
  }

  private begin(event: E): void {
    for (const slot of this.touched) {
      this.view.clear(slot)
      this.filled[slot] = EMPTY
    }
    this.touched.length = 0
    this.woken.length = 0
    this.round = (this.round + 1) >>> 0
    if (this.round === 0) {
      this.wokenAt.fill(0)
      this.round = 1
    }
    const json = this.shape.json(event)
    this.view.begin(json)
    this.walk(json, this.root, 0)
    for (const { slot, read } of this.added) {
      const value = read(event)
      if (value !== undefined) this.fill(slot, flattened(value), BY_KEY)
    }
  }

  private addField(name: string, slot: number): void {
    const read = this.shape.added(name)
    if (read) {
      this.added.push({ slot, read })
      return
    }
    child(this.root, name).slot = slot
    const path = name.split('.')
    if (path.length > 1) path.reduce(child, this.root).pathSlot = slot
  }

  /** Fills the slots of all fields that this value, reached along `node`, has. A list stands for its elements. */
  private walk(value: unknown, node: PathNode, depth: number): void {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) {
      if (depth < MAX_DEPTH) for (const element of value) this.walk(element, node, depth + 1)
      return
    }
    for (const key in value) {
      const next = node.children.get(key)
      const inner = (value as Readonly<Record<string, unknown>>)[key]
      if (next === undefined || inner === undefined) continue
      if (next.slot !== undefined) this.fill(next.slot, flattened(inner), BY_KEY)
      if (next.pathSlot !== undefined) this.fill(next.pathSlot, flattened(inner), BY_PATH)
      if (next.children.size > 0) this.walk(inner, next, depth)
    }
  }

  private fill(slot: number, value: unknown, how: number): void {
    const { view, filled } = this
    const before = filled[slot]
    if (before === EMPTY) {
      this.touched.push(slot)
      view.values[slot] = value
    } else if (how === BY_PATH && before !== BY_KEY) {
      this.collect(slot, value)
      return
    } else if (how !== BY_KEY || before === BY_KEY) return
    else view.values[slot] = value
    filled[slot] = how
  }

  /** A further value of a path that leads through a list. The first list is made here, since the event's is its own. */
  private collect(slot: number, value: unknown): void {
    const { values } = this.view
    if (this.filled[slot] === BY_PATH) values[slot] = [values[slot]].flat()
    const collected = values[slot] as unknown[]
    if (Array.isArray(value)) for (const element of value) collected.push(element)
    else collected.push(value)
    this.filled[slot] = COLLECTED
  }

  private wakeBySlot(slot: number): void {
    const index = this.indexes[slot]
    if (index === undefined) return
    for (const rule of index.present) this.wake(rule)
    if (index.equals.size > 0 || index.grams !== undefined) this.wakeByValue(this.view.values[slot], slot, index)
  }

  private wakeByValue(value: unknown, slot: number, index: SlotIndex): void {
    if (Array.isArray(value)) for (const element of value) this.wakeByText(element, undefined, index)
    else this.wakeByText(value, slot, index)
  }

  private wakeByText(value: unknown, slot: number | undefined, index: SlotIndex): void {
    const isText = typeof value === 'string'
    if (!isText && typeof value !== 'number' && typeof value !== 'boolean') return
    const text = !isText ? lowerCase(String(value)) : slot === undefined ? lowerCase(value) : this.view.lower(slot)
    const same = index.equals.get(text)
    if (same !== undefined) for (const rule of same) this.wake(rule)
    if (isText && index.numbers) this.wakeByNumber(text, index)
    index.grams?.scan(text, this.wake)
  }

  /** Text such as `01` or `1.0` may be a number that a rule writes otherwise. */
  private wakeByNumber(text: string, index: SlotIndex): void {
    const first = text.charCodeAt(0)
    if (!(first <= 57 && first >= 43)) return
    const number = String(Number(text))
    if (number === text) return
    const same = index.equals.get(number)
    if (same !== undefined) for (const rule of same) this.wake(rule)
  }

  private readonly wake = (rule: number): void => {
    if (this.wokenAt[rule] === this.round) return
    this.wokenAt[rule] = this.round
    this.woken.push(rule)
  }
}

const NONE: readonly DetectionRule[] = []
const EMPTY = 0
const BY_PATH = 1
/** by path, more than once */
const COLLECTED = 2
const BY_KEY = 3

interface PathNode {
  /** a field whose whole name is this key */
  slot?: number
  /** a field whose path ends here */
  pathSlot?: number
  readonly children: Map<string, PathNode>
}

function child(node: PathNode, key: string): PathNode {
  const known = node.children.get(key)
  if (known) return known
  const next: PathNode = { children: new Map() }
  node.children.set(key, next)
  return next
}

function append(list: number[] | undefined, value: number): number[] {
  if (list === undefined) return [value]
  list.push(value)
  return list
}

// --------------------------------------------------------------------------------------------------- index

/** Which rules the value of one field wakes. */
interface SlotIndex {
  readonly equals: Map<string, number[]>
  grams: GramIndex | undefined
  readonly present: number[]
  /** some of `equals` are numbers */
  numbers: boolean
}

class IndexBuilder {
  readonly indexes: (SlotIndex | undefined)[] = []
  readonly always: number[] = []
  keywordGrams: GramIndex | undefined
  private readonly slots: FieldSlots
  private readonly weigh: (gram: number) => number

  constructor(rules: readonly DetectionRule[], slots: FieldSlots) {
    this.slots = slots
    const statistics = new AtomStatistics(rules.map((rule) => rule.condition))
    this.weigh = (gram) => statistics.commonness(gram)
    for (const [number, rule] of rules.entries()) {
      const guards = guardsOf(rule.condition, statistics)
      if (guards === undefined) this.always.push(number)
      else for (const atom of guards) this.add(atom, number)
    }
    for (const index of this.indexes) index?.grams?.seal()
    this.keywordGrams?.seal()
  }

  private add(atom: Atom, rule: number): void {
    if (atom.kind === 'present') this.indexOf(atom.field).present.push(rule)
    else if (atom.kind === 'equals') this.addEqual(this.indexOf(atom.field), atom.text, rule)
    else if (atom.field === undefined) {
      this.keywordGrams ??= new GramIndex()
      this.keywordGrams.add(atom.text, rule, this.weigh)
    } else {
      const index = this.indexOf(atom.field)
      index.grams ??= new GramIndex()
      index.grams.add(atom.text, rule, this.weigh)
    }
  }

  private addEqual(index: SlotIndex, text: string, rule: number): void {
    const known = index.equals.get(text)
    if (known) known.push(rule)
    else index.equals.set(text, [rule])
    index.numbers ||= /^[-+.\d]/.test(text)
  }

  private indexOf(field: string): SlotIndex {
    const slot = this.slots.slotOf(field)
    const known = this.indexes[slot]
    if (known) return known
    const index: SlotIndex = { equals: new Map(), grams: undefined, present: [], numbers: false }
    this.indexes[slot] = index
    return index
  }
}
