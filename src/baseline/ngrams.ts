import { PairTable } from './pair-table.ts'

/** Stands before the first token of every sequence, so that it has a context too. */
export const START_TOKEN = 0

/** A context: the longest known suffix of what came so far. Opaque; begin with `start`. */
export type ContextNode = number

const ROOT: ContextNode = 0
const NONE = -1
/** Mass kept for tokens that were never seen, as so many more tokens. */
const UNSEEN_TOKENS = 5
/** what shorter contexts may still add is left out once it is smaller than this share of what is there */
const NEGLIGIBLE = 1e-9
const FIRST_NODES = 64
/** numbers of a node, side by side because they are read together: one cache line holds two nodes */
const NODE = 4
const SUFFIX = 0
const COUNT = 1
/** of all tokens that follow, and how many different ones do */
const TOTAL = 2
const TYPES = 3

/**
 * Back-off n-grams over token numbers (1 and up), smoothed after Witten and Bell (1991): a context that was followed by
 * many different tokens gives more of its mass to the context one shorter; the shortest gives some to tokens never seen.
 *
 * One trie holds all n-grams; each node links to the n-gram without its first token (as in Aho and Corasick 1975), so a
 * token in sequence costs about one look-up, and its shorter contexts are followed by links.
 */
export class NGrams {
  /** longest step: `order - 1` tokens before and the token itself; 2 at least */
  readonly order: number
  /** before the first token of a sequence */
  readonly start: ContextNode
  /** (node, token) -> the node one token longer, minus one */
  private readonly children = new PairTable()
  private nodes = new Float64Array(FIRST_NODES * NODE)
  private depths = new Uint8Array(FIRST_NODES)
  /** what `nats` found last, for the `next` that usually follows it */
  private asked = { context: NONE, token: NONE, next: ROOT }

  constructor(order: number) {
    this.order = order
    this.start = this.nodeOf(Array.from({ length: order - 1 }, () => START_TOKEN))
  }

  /** Counts that `token` came `count` times after exactly this context, oldest first, at most `order - 1` tokens; the step's node. */
  add(context: readonly number[], token: number, count: number): ContextNode {
    const step = this.nodeOf([...context, token])
    this.count(this.nodeOf(context), step, count)
    return step
  }

  /** Counts the token once after the context and every shorter one; the context that comes next. */
  learn(context: ContextNode, token: number): ContextNode {
    let longest = NONE
    let longer = NONE
    for (let node = context; ; node = this.suffixOf(node)) {
      const known = this.children.find(node, token) + 1
      const child = known === ROOT ? this.create(node, token, ROOT) : known
      this.count(node, child, 1)
      if (longest === NONE) longest = child
      else this.nodes[longer * NODE + SUFFIX] = child
      longer = child
      if (node === ROOT) return this.asContext(longest)
    }
  }

  /** The context after one more token. */
  next(context: ContextNode, token: number): ContextNode {
    if (this.asked.context === context && this.asked.token === token) return this.asked.next
    for (let node = context; ; node = this.suffixOf(node)) {
      const child = this.children.find(node, token) + 1
      if (child !== ROOT) return this.asContext(child)
      if (node === ROOT) return ROOT
    }
  }

  /** -ln P of the token in this context; 0 while nothing is known at all. */
  nats(context: ContextNode, token: number): number {
    const { children, nodes, asked } = this
    if (nodes[TOTAL] === 0) return 0
    asked.context = context
    asked.token = token
    asked.next = ROOT
    let p = 0
    let left = 1
    let child = ROOT
    for (let node = context; ; node = nodes[node * NODE + SUFFIX] ?? ROOT) {
      if (child !== ROOT) child = nodes[child * NODE + SUFFIX] ?? ROOT
      else {
        child = children.find(node, token) + 1
        if (child !== ROOT) asked.next = this.asContext(child)
      }
      const kinds = nodes[node * NODE + TYPES] ?? 0
      if (kinds > 0) {
        const share = left / ((nodes[node * NODE + TOTAL] ?? 0) + kinds)
        if (child !== ROOT) p += share * (nodes[child * NODE + COUNT] ?? 0)
        left = share * kinds
        if (left < p * NEGLIGIBLE) return -Math.log(p)
      }
      if (node === ROOT) return -Math.log(p + left / (kinds + UNSEEN_TOKENS))
    }
  }

  /** The node of one token directly after another, of the token alone where the one before is not known; the root if neither is. */
  stepAfter(before: number, token: number): ContextNode {
    const context = this.children.find(ROOT, before) + 1
    return this.children.find(context, token) + 1
  }

  private asContext(node: ContextNode): ContextNode {
    return this.depths[node] === this.order ? this.suffixOf(node) : node
  }

  private suffixOf(node: ContextNode): ContextNode {
    return this.nodes[node * NODE + SUFFIX] ?? ROOT
  }

  private nodeOf(tokens: readonly number[]): ContextNode {
    if (tokens.length === 0) return ROOT
    const token = tokens.at(-1) ?? START_TOKEN
    const parent = this.nodeOf(tokens.slice(0, -1))
    const known = this.children.find(parent, token) + 1
    return known === ROOT ? this.create(parent, token, this.nodeOf(tokens.slice(1))) : known
  }

  private create(parent: ContextNode, token: number, suffix: ContextNode): ContextNode {
    const node = this.children.add(parent, token) + 1
    if (node >= this.depths.length) this.grow()
    this.nodes[node * NODE + SUFFIX] = suffix
    this.depths[node] = (this.depths[parent] ?? 0) + 1
    return node
  }

  private count(parent: ContextNode, child: ContextNode, count: number): void {
    const { nodes } = this
    const own = nodes[child * NODE + COUNT] ?? 0
    if (own === 0) nodes[parent * NODE + TYPES] = (nodes[parent * NODE + TYPES] ?? 0) + 1
    nodes[child * NODE + COUNT] = own + count
    nodes[parent * NODE + TOTAL] = (nodes[parent * NODE + TOTAL] ?? 0) + count
    this.asked.context = NONE
  }

  private grow(): void {
    const [nodes, depths] = [new Float64Array(this.nodes.length * 2), new Uint8Array(this.depths.length * 2)]
    nodes.set(this.nodes)
    depths.set(this.depths)
    this.nodes = nodes
    this.depths = depths
  }
}
