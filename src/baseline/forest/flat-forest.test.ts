import { IsolationForest } from 'ml-isolation-forest'
import { describe, expect, it } from 'vitest'
import { seeded } from '../../../scripts/fixtures/world.ts'
import { FlatForest } from './flat-forest.ts'
import { trainForest } from './train.ts'

const random = seeded(5)
const cloud = (count: number): number[][] =>
  Array.from({ length: count }, () => [random.next(), random.next() ** 3, random.int(0, 2)])

describe('flat forest', () => {
  const points = cloud(200)
  const library = new IsolationForest({ nEstimators: 20 })
  library.train(points)

  it('says exactly what the library says', () => {
    const flat = FlatForest.of([library])
    const asked = [...points, ...cloud(200), [9, -9, 5], [0, 0, 0]]
    expect(asked.map((point) => flat.score(point))).toEqual(library.predict(asked))
  })

  it('packed and unpacked it says the same', () => {
    const flat = FlatForest.of([library])
    const again = FlatForest.unpack(JSON.parse(JSON.stringify(flat.pack())))
    expect(points.map((point) => again.score(point))).toEqual(points.map((point) => flat.score(point)))
  })

  it('points that are all the same are grown and scored too', () => {
    const same = new IsolationForest({ nEstimators: 3 })
    const ones = Array.from({ length: 20 }, () => [1, 1])
    same.train(ones)
    expect(FlatForest.of([same]).score([1, 1])).toBe(same.predict([[1, 1]])[0])
  })
})

describe('training', () => {
  it('the same points give the same forest, and Math.random is its own again', () => {
    const own = Math.random
    const points = cloud(500)
    expect(trainForest(points).pack()).toEqual(trainForest(points).pack())
    expect(Math.random).toBe(own)
  })

  it('a point far from all others stands out most', () => {
    const forest = trainForest(cloud(1_000))
    const usual = cloud(100).map((point) => forest.score(point))
    expect(forest.score([5, 5, 9])).toBeGreaterThan(Math.max(...usual))
  })
})
