import { someScalar } from './fields.ts'
import { foldDashes, lowerCase } from './fold.ts'

/** Gives every field name that rules use a number, so that a compiled rule reads an array instead of an object. */
export class FieldSlots {
  private readonly slots = new Map<string, number>()

  slotOf(name: string): number {
    const known = this.slots.get(name)
    if (known !== undefined) return known
    const slot = this.slots.size
    this.slots.set(name, slot)
    return slot
  }

  get names(): readonly string[] {
    return [...this.slots.keys()]
  }
}

/** One event as compiled rules see it. Reused from event to event; what is derived from a value is derived once. */
export class EventView {
  /** by slot; undefined: the field is missing; a list holds no lists */
  readonly values: unknown[]
  private readonly lowers: (string | undefined)[]
  private readonly dashFolded: (string | undefined)[]
  private json: unknown
  private scalarsSeen: readonly unknown[] | undefined
  private textsSeen: readonly string[] | undefined

  constructor(slots: number) {
    this.values = Array<unknown>(slots).fill(undefined)
    this.lowers = Array<string | undefined>(slots).fill(undefined)
    this.dashFolded = Array<string | undefined>(slots).fill(undefined)
  }

  begin(json: unknown): void {
    this.json = json
    this.scalarsSeen = undefined
    this.textsSeen = undefined
  }

  clear(slot: number): void {
    this.values[slot] = undefined
    this.lowers[slot] = undefined
    this.dashFolded[slot] = undefined
  }

  /** The lower case of a slot that holds text. */
  lower(slot: number): string {
    const known = this.lowers[slot]
    if (known !== undefined) return known
    const lower = lowerCase(this.values[slot] as string)
    this.lowers[slot] = lower
    return lower
  }

  /** The lower case of a slot that holds text, its dashes as one. */
  dashed(slot: number): string {
    const known = this.dashFolded[slot]
    if (known !== undefined) return known
    const dashed = foldDashes(this.lower(slot))
    this.dashFolded[slot] = dashed
    return dashed
  }

  /** Every text, number and boolean of the event, for keywords. */
  scalars(): readonly unknown[] {
    if (this.scalarsSeen) return this.scalarsSeen
    const found: unknown[] = []
    someScalar(
      this.json,
      (value) => {
        found.push(value)
        return false
      },
      0,
    )
    this.scalarsSeen = found
    return found
  }

  /** The same as text in lower case. */
  texts(): readonly string[] {
    this.textsSeen ??= this.scalars().map((value) => lowerCase(String(value)))
    return this.textsSeen
  }
}

/** The text of a scalar; undefined for null, lists and maps, which no text equals. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** The form of a text that a pattern is compared with. */
export function comparable(text: string, cased: boolean, anyDash: boolean): string {
  const folded = cased ? text : lowerCase(text)
  return anyDash ? foldDashes(folded) : folded
}
