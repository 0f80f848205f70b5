import { type Random, seeded } from '../scripts/fixtures/world.ts'
import { type ContextNode, NGrams } from '../src/baseline/ngrams.ts'
import { collect } from './lib/heap.ts'
import { measure, round } from './lib/meter.ts'
import type { Benchmark } from './main.ts'

const ORDERS = [4, 10]
const TOKENS = 175
const PHRASES = 80
const TRAINING = 833
const SCORED = 5_000
const ROUNDS = 3

/** The sequence profile's n-grams, against the same definition written with a Map of joined strings. */
export const benchmark: Benchmark = {
  about: 'tokens scored per second by the back-off n-grams, against the same definition over a Map of strings',
  async run(progress) {
    const random = seeded(1)
    const phrases = phrasesOf(random)
    const training = sequences(random, phrases, TRAINING)
    const scored = sequences(random, phrases, SCORED)
    const tokens = scored.reduce((sum, { length }) => sum + length, 0)
    const byOrder: Record<string, object> = {}
    for (const order of ORDERS) {
      const figures = await compared(order, training, scored)
      byOrder[`order_${order}`] = figures
      progress(`  order ${order}: ${figures.tokens_per_cpu_s} tokens per CPU-second`)
    }
    return {
      work: `${tokens} tokens, ${TOKENS} different, trained on ${TRAINING} sequences`,
      peer: 'Witten-Bell over a Map of joined strings',
      ...byOrder,
    }
  },
}

type Sequences = readonly (readonly number[])[]

async function compared(order: number, training: Sequences, scored: Sequences) {
  const ngrams = new NGrams(order)
  const strings = new StringNGrams(order)
  const trainS = (await measure(() => trainOn(ngrams, training))).cpuS
  for (const sequence of training) strings.learn(sequence)
  let [nats, peerNats] = [0, 0]
  let best = { cpuS: Number.POSITIVE_INFINITY, wallS: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    collect()
    nats = 0
    const one = await measure(() => {
      for (const sequence of scored) nats += natsOf(ngrams, sequence)
    })
    if (one.cpuS < best.cpuS) best = one
  }
  const few = scored.slice(0, SCORED / 20)
  const peer = await measure(() => {
    for (const sequence of few) peerNats += strings.nats(sequence)
  })
  const [tokens, fewTokens, trained] = [scored, few, training].map((all) => all.reduce((n, one) => n + one.length, 0))
  const own = few.reduce((sum, sequence) => sum + natsOf(ngrams, sequence), 0)
  if (Math.abs(own - peerNats) > 1e-6 * own) throw new Error(`n-grams say ${own} nats, their definition ${peerNats}`)
  const rate = (tokens ?? 0) / best.cpuS
  const peerRate = (fewTokens ?? 0) / peer.cpuS
  return {
    tokens_per_s: round((tokens ?? 0) / best.wallS),
    tokens_per_cpu_s: round(rate),
    trained_per_cpu_s: round((trained ?? 0) / trainS),
    mean_nats: round(nats / (tokens ?? 1), 3),
    peer_tokens_per_cpu_s: round(peerRate),
    ratio: round(rate / peerRate, 1),
  }
}

function trainOn(ngrams: NGrams, training: Sequences): void {
  for (const sequence of training) {
    let context: ContextNode = ngrams.start
    for (const token of sequence) context = ngrams.learn(context, token)
  }
}

function natsOf(ngrams: NGrams, sequence: readonly number[]): number {
  let context = ngrams.start
  let nats = 0
  for (const token of sequence) {
    nats += ngrams.nats(context, token)
    context = ngrams.next(context, token)
  }
  return nats
}

/** What programs and agents repeat: runs of four to twenty tokens. */
function phrasesOf(random: Random): Sequences {
  return Array.from({ length: PHRASES }, () => Array.from({ length: random.int(4, 20) }, () => random.int(1, TOKENS)))
}

/** Phrases one after the other, one token in twenty another one. */
function sequences(random: Random, phrases: Sequences, count: number): Sequences {
  return Array.from({ length: count }, () => {
    const sequence: number[] = []
    for (let length = random.int(80, 660); sequence.length < length; )
      for (const token of random.pick(phrases)) sequence.push(random.next() < 0.05 ? random.int(1, TOKENS) : token)
    return sequence
  })
}

/** What one would write first: every context and step by its text. */
class StringNGrams {
  private readonly order: number
  private readonly counts = new Map<string, number>()
  private readonly contexts = new Map<string, { total: number; types: number }>()

  constructor(order: number) {
    this.order = order
  }

  learn(sequence: readonly number[]): void {
    for (let at = 0; at < sequence.length; at++)
      for (let width = 0; width < this.order; width++) {
        const context = contextOf(sequence, at, width)
        const step = `${context}>${sequence[at]}`
        const known = this.counts.get(step) ?? 0
        const all = this.contexts.get(context) ?? { total: 0, types: 0 }
        this.contexts.set(context, { total: all.total + 1, types: all.types + (known === 0 ? 1 : 0) })
        this.counts.set(step, known + 1)
      }
  }

  nats(sequence: readonly number[]): number {
    let nats = 0
    for (let at = 0; at < sequence.length; at++) {
      let p = 1 / ((this.contexts.get('')?.types ?? 0) + 5)
      for (let width = 0; width < this.order; width++) {
        const context = contextOf(sequence, at, width)
        const known = this.contexts.get(context)
        if (known === undefined) break
        p = ((this.counts.get(`${context}>${sequence[at]}`) ?? 0) + known.types * p) / (known.total + known.types)
      }
      nats -= Math.log(p)
    }
    return nats
  }
}

function contextOf(sequence: readonly number[], at: number, width: number): string {
  let context = ''
  for (let back = width; back > 0; back--) context += `${sequence[at - back] ?? 0},`
  return context
}
