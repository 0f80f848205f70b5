import type { IsolationForest, TreeNode } from 'ml-isolation-forest'

/** A node's word: the feature it splits on above, its right child below; a leaf has none. */
const RIGHT_BITS = 24
const RIGHT_MASK = 2 ** RIGHT_BITS - 1
const MAX_FEATURES = 2 ** (31 - RIGHT_BITS)
const LEAF = -1
const EULER = 0.57721

/** A trained forest as it is kept in a snapshot; arrays as base64 of little-endian numbers. */
export interface PackedForest {
  /** points each tree was grown from */
  readonly sample: number
  readonly roots: string
  readonly words: string
  readonly splits: string
}

/**
 * Isolation forest (Liu, Ting and Zhou 2008) in typed arrays: nodes of all trees in preorder, so that a left child is
 * the next node. Scores are the very numbers that ml-isolation-forest's `predict` gives.
 */
export class FlatForest {
  private readonly sample: number
  private readonly roots: Int32Array
  private readonly words: Int32Array
  /** where a node splits; of a leaf, the length of the path that ends in it */
  private readonly splits: Float64Array
  private readonly usual: number

  private constructor(sample: number, roots: Int32Array, words: Int32Array, splits: Float64Array) {
    this.sample = sample
    this.roots = roots
    this.words = words
    this.splits = splits
    this.usual = averagePath(sample)
  }

  /** The trees of several forests, each grown from as many points; `columns`: which features of a point they were shown. */
  static of(forests: readonly IsolationForest[], columns?: readonly number[]): FlatForest {
    const nodes = new Nodes(columns)
    const roots = forests.flatMap(({ forest }) => forest.map((tree) => nodes.add(tree, 0)))
    const sample = forests[0]?.trainingSet.length ?? 0
    return new FlatForest(sample, Int32Array.from(roots), Int32Array.from(nodes.words), Float64Array.from(nodes.splits))
  }

  static unpack({ sample, roots, words, splits }: PackedForest): FlatForest {
    return new FlatForest(
      sample,
      new Int32Array(bytesOf(roots)),
      new Int32Array(bytesOf(words)),
      new Float64Array(bytesOf(splits)),
    )
  }

  pack(): PackedForest {
    const { sample, roots, words, splits } = this
    return { sample, roots: base64Of(roots), words: base64Of(words), splits: base64Of(splits) }
  }

  /** Between 0 and 1; the fewer splits set the point apart, the higher. About 0.5 is usual. */
  score(point: ArrayLike<number>): number {
    const { roots, words, splits } = this
    let total = 0
    for (let tree = 0; tree < roots.length; tree++) {
      let node = roots[tree] ?? 0
      let word = words[node] ?? LEAF
      while (word !== LEAF) {
        node = (point[word >>> RIGHT_BITS] ?? 0) < (splits[node] ?? 0) ? node + 1 : word & RIGHT_MASK
        word = words[node] ?? LEAF
      }
      total += splits[node] ?? 0
    }
    return 2 ** (-(total / roots.length) / this.usual)
  }
}

class Nodes {
  readonly words: number[] = []
  readonly splits: number[] = []
  private readonly columns: readonly number[] | undefined

  constructor(columns: readonly number[] | undefined) {
    this.columns = columns
  }

  add({ left, right, splitColumn = 0, splitValue = 0, trainingSet }: TreeNode, depth: number): number {
    const node = this.words.length
    if (node > RIGHT_MASK)
      throw new RangeError(`a forest of more than ${RIGHT_MASK} nodes: grow fewer or smaller trees`)
    if (left === undefined || right === undefined) {
      this.words.push(LEAF)
      this.splits.push(depth + averagePath(trainingSet?.length ?? 0))
      return node
    }
    const column = this.columns?.[splitColumn] ?? splitColumn
    if (column >= MAX_FEATURES) throw new RangeError(`a forest over more than ${MAX_FEATURES} features`)
    this.words.push(LEAF)
    this.splits.push(splitValue)
    this.add(left, depth + 1)
    this.words[node] = (column << RIGHT_BITS) | this.add(right, depth + 1)
    return node
  }
}

/** Average length of an unsuccessful search in a binary search tree of so many points. */
function averagePath(points: number): number {
  if (points <= 1) return 0
  if (points === 2) return 1
  return 2 * Math.log(points - 1) + EULER - (2 * (points - 1)) / points
}

function base64Of({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64')
}

function bytesOf(base64: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(base64, 'base64')).buffer
}
