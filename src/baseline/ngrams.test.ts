import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NGrams, START_TOKEN } from './ngrams.ts'

const ORDER = 3
const sequences = fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 12 }), { maxLength: 8 })

function trained(training: readonly (readonly number[])[]): NGrams {
  const ngrams = new NGrams(ORDER)
  for (const sequence of training) {
    let context = ngrams.start
    for (const token of sequence) context = ngrams.learn(context, token)
  }
  return ngrams
}

/** Witten and Bell's definition, by counting the training sequences again for every question. */
function definition(training: readonly (readonly number[])[], history: readonly number[], token: number): number {
  const padded = training.map((sequence) => [START_TOKEN, START_TOKEN, ...sequence])
  const followers = (context: readonly number[]): number[] =>
    padded.flatMap((sequence) =>
      sequence.filter((_, at) => {
        const before = sequence.slice(at - context.length, at)
        return at >= ORDER - 1 && context.every((one, i) => before[i] === one)
      }),
    )
  const before = [START_TOKEN, START_TOKEN, ...history]
  const kinds = new Set(followers([])).size
  let p = 1 / (kinds + 5)
  for (let width = 0; width < ORDER; width++) {
    const after = followers(width === 0 ? [] : before.slice(-width))
    if (after.length === 0) break
    const types = new Set(after).size
    p = (after.filter((one) => one === token).length + types * p) / (after.length + types)
  }
  return -Math.log(p)
}

it('is the definition of Witten and Bell, at every position of any sequence', () => {
  fc.assert(
    fc.property(sequences, fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 8 }), (training, asked) => {
      fc.pre(training.some((sequence) => sequence.length > 0))
      const ngrams = trained(training)
      let context = ngrams.start
      for (const [at, token] of asked.entries()) {
        expect(ngrams.nats(context, token)).toBeCloseTo(definition(training, asked.slice(0, at), token), 6)
        context = ngrams.next(context, token)
      }
    }),
  )
})

it('counted step by step or learnt in sequence is the same', () => {
  fc.assert(
    fc.property(sequences, (training) => {
      const learnt = trained(training)
      const counted = new NGrams(ORDER)
      for (const sequence of training) {
        const padded = [START_TOKEN, START_TOKEN, ...sequence]
        for (let at = 2; at < padded.length; at++)
          for (let width = 0; width < ORDER; width++)
            counted.add(padded.slice(at - width, at), padded[at] ?? START_TOKEN, 1)
      }
      for (const token of [1, 2, 3])
        for (const before of [1, 2, 3]) {
          const natsOf = (ngrams: NGrams): number => ngrams.nats(ngrams.next(ngrams.start, before), token)
          expect(natsOf(counted)).toBe(natsOf(learnt))
        }
    }),
  )
})

it('is never surprised while it knows nothing', () => {
  const ngrams = new NGrams(ORDER)
  expect(ngrams.nats(ngrams.start, 1)).toBe(0)
})

it('a token that always follows surprises less with every time, one never seen more', () => {
  const [once, often] = [trained([[1, 2]]), trained(Array.from({ length: 50 }, () => [1, 2]))]
  const after = (ngrams: NGrams, token: number): number => ngrams.nats(ngrams.next(ngrams.start, 1), token)
  expect(after(often, 2)).toBeLessThan(after(once, 2))
  expect(after(often, 3)).toBeGreaterThan(after(once, 3))
})
