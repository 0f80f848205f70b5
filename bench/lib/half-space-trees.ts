import { type Random, seeded } from '../../scripts/fixtures/world.ts'

export interface HalfSpaceSettings {
  readonly dimensions: number
  readonly trees: number
  readonly height: number
  /** points after which what was learnt becomes what is judged by */
  readonly window: number
  readonly seed: number
}

/** a node with fewer points than this share of the window is not looked into further; the paper's 0.1 stops sooner and tells less */
const SMALL_SHARE = 0.02
/** splits leave at least this share of the range on either side */
const PADDING = 0.15

/**
 * Streaming half-space trees (Tan, Ting and Liu 2011): random splits made before any data, points counted per node and
 * window; a point in sparse nodes is an anomaly. Trees are complete and lie level by level in typed arrays; scoring and
 * learning walk them once. Features lie between 0 and 1: whoever asks scales them.
 */
export class HalfSpaceTrees {
  private readonly settings: HalfSpaceSettings
  private readonly inner: number
  private readonly nodes: number
  private readonly column: Uint8Array
  private readonly split: Float64Array
  /** points per node: of the window before, and of this one */
  private judged: Uint16Array
  private learnt: Uint16Array
  private inWindow = 0
  private ready = false

  constructor(settings: HalfSpaceSettings) {
    const { dimensions, trees, height, seed } = settings
    this.settings = settings
    this.inner = 2 ** height - 1
    this.nodes = 2 ** (height + 1) - 1
    this.column = new Uint8Array(trees * this.inner)
    this.split = new Float64Array(trees * this.inner)
    this.judged = new Uint16Array(trees * this.nodes)
    this.learnt = new Uint16Array(trees * this.nodes)
    const random = seeded(seed)
    for (let tree = 0; tree < trees; tree++)
      this.grow(tree * this.inner, 0, random, new Float64Array(dimensions), new Float64Array(dimensions).fill(1))
  }

  /** How much of an outlier the point is, 0..1 (0 until the first window is full); then it is learnt. */
  update(point: ArrayLike<number>): number {
    const { trees, height, window } = this.settings
    const { column, split, judged, learnt, inner, nodes } = this
    let mass = 0
    for (let tree = 0; tree < trees; tree++) {
      const splits = tree * inner
      const counts = tree * nodes
      let node = 0
      let weight = 1
      let open = true
      for (let depth = 0; ; depth++) {
        const at = counts + node
        learnt[at] = (learnt[at] ?? 0) + 1
        const count = judged[at] ?? 0
        if (open && (depth === height || count < SMALL_SHARE * window)) {
          mass += count * weight
          open = false
        }
        if (depth === height) break
        weight *= 2
        const right = (point[column[splits + node] ?? 0] ?? 0) >= (split[splits + node] ?? 0)
        node = 2 * node + (right ? 2 : 1)
      }
    }
    if (++this.inWindow === window) this.turn()
    return this.ready ? 1 - Math.min(1, mass / (trees * window * 2 ** height)) : 0
  }

  private turn(): void {
    const before = this.judged
    this.judged = this.learnt
    this.learnt = before.fill(0)
    this.inWindow = 0
    this.ready = true
  }

  private grow(splits: number, node: number, random: Random, low: Float64Array, high: Float64Array): void {
    if (node >= this.inner) return
    const column = random.int(0, low.length - 1)
    const [from, to] = [low[column] ?? 0, high[column] ?? 1]
    const at = from + (to - from) * (PADDING + (1 - 2 * PADDING) * random.next())
    this.column[splits + node] = column
    this.split[splits + node] = at
    high[column] = at
    this.grow(splits, 2 * node + 1, random, low, high)
    high[column] = to
    low[column] = at
    this.grow(splits, 2 * node + 2, random, low, high)
    low[column] = from
  }
}
