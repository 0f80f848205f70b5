/** Lists kept to be shared; beyond it sharing starts over. */
const MAX_LISTS = 16_384

/**
 * A list of names that only grows, kept once however many sessions have it: agents of a role take the same steps with
 * the same tools in the same order. Lists of a million sessions would cost more than all else that is known of them.
 */
export class SharedList {
  readonly items: readonly string[]
  private longer: Map<string, SharedList> | undefined

  private constructor(items: readonly string[]) {
    this.items = items
  }

  static readonly EMPTY = new SharedList([])
  private static lists = 0

  /** The list with one more name at its end. */
  with(item: string): SharedList {
    const known = this.longer?.get(item)
    if (known !== undefined) return known
    if (SharedList.lists >= MAX_LISTS) {
      SharedList.EMPTY.longer = undefined
      SharedList.lists = 0
    }
    const made = new SharedList([...this.items, item])
    this.longer ??= new Map()
    this.longer.set(item, made)
    SharedList.lists++
    return made
  }
}
