/** A map that lets the entry go that was put or touched longest ago. */
export class BoundedMap<Key, Value> {
  private readonly most: number
  private readonly map = new Map<Key, Value>()

  constructor(most: number) {
    this.most = most
  }

  get size(): number {
    return this.map.size
  }

  get(key: Key): Value | undefined {
    return this.map.get(key)
  }

  set(key: Key, value: Value): Value {
    if (!this.map.has(key) && this.map.size >= this.most) {
      const eldest = this.map.keys().next()
      if (!eldest.done) this.map.delete(eldest.value)
    }
    this.map.set(key, value)
    return value
  }

  /** Makes it the last one to go. */
  touch(key: Key): void {
    const value = this.map.get(key)
    if (value === undefined) return
    this.map.delete(key)
    this.map.set(key, value)
  }

  values(): IterableIterator<Value> {
    return this.map.values()
  }

  entries(): IterableIterator<[Key, Value]> {
    return this.map.entries()
  }
}

/** Adds to a short list; when it is full the eldest goes. True when it was not there. */
export function remember(list: string[], item: string, most: number): boolean {
  if (list.includes(item)) return false
  if (list.length >= most) list.shift()
  list.push(item)
  return true
}
