/** One point of a ROC curve: share of negatives and of positives at or above a threshold, each 0..1. */
export type RocPoint = readonly [falsePositive: number, truePositive: number]

/** Area under the ROC curve by ranks (Mann and Whitney 1947), ties counted half. NaN when either side is empty. */
export function aucOf(negatives: readonly number[], positives: readonly number[]): number {
  const curve = rocOf(negatives, positives)
  let area = 0
  for (let i = 1; i < curve.length; i++) {
    const [x0, y0] = curve[i - 1] ?? [0, 0]
    const [x1, y1] = curve[i] ?? [0, 0]
    area += ((x1 - x0) * (y0 + y1)) / 2
  }
  return curve.length === 0 ? Number.NaN : area
}

/** Every threshold's point from (0, 0) to (1, 1), equal scores taken together; empty when either side is. */
export function rocOf(negatives: readonly number[], positives: readonly number[]): readonly RocPoint[] {
  if (negatives.length === 0 || positives.length === 0) return []
  const scored = [...negatives.map((score) => ({ score, up: 0 })), ...positives.map((score) => ({ score, up: 1 }))]
  scored.sort((a, b) => b.score - a.score)
  const points: RocPoint[] = [[0, 0]]
  let truePositives = 0
  for (const [i, { score, up }] of scored.entries()) {
    truePositives += up
    if (scored[i + 1]?.score === score) continue
    points.push([(i + 1 - truePositives) / negatives.length, truePositives / positives.length])
  }
  return points
}

/** Share of positives above the score that at most `share` of the negatives exceed. */
export function truePositivesAt(negatives: readonly number[], positives: readonly number[], share: number): number {
  const descending = [...negatives].sort((a, b) => b - a)
  const threshold = descending[Math.floor(share * descending.length)] ?? Number.NEGATIVE_INFINITY
  return positives.filter((score) => score > threshold).length / positives.length
}
