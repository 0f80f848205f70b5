import type { Surprise } from '../model/index.ts'
import type { ProfileRow } from './profile.ts'

/** Bucket of a number on a log scale, four to an octave; zero and below are bucket 0. The same in SQL: logBucketSql. */
export function logBucket(value: number): number {
  return value <= 0 ? 0 : 1 + Math.floor(4 * Math.log2(1 + value))
}

/** SQL of logBucket over a column or expression. */
export function logBucketSql(expression: string): string {
  return `if(${expression} <= 0, 0, 1 + toInt32(floor(4 * log2(1 + ${expression}))))`
}

function ofLogBucket(bucket: number): number {
  return bucket <= 0 ? 0 : 2 ** ((bucket - 0.5) / 4) - 1
}

export interface Histogram {
  /** values at or above the bucket, by bucket; one entry past the highest, zero */
  readonly atLeast: Float64Array
  readonly sessions: number
  readonly agents: number
  readonly typical: number
  readonly highest: number
  /** surprise of a value in each bucket, made when it is first asked for: numbers repeat, and this is asked several times an event */
  readonly surprises: HistogramSurprise[]
}

export type HistogramSurprise = Surprise & {
  readonly typical: number
  readonly highest: number
  /** how many values were learnt, of one session a few at most */
  readonly values: number
}

/** A value `b` buckets above the highest seen is e^(-b / BUCKETS_PER_NAT) as likely: a factor of two for one nat and a bit. */
const BUCKETS_PER_NAT = 3

/** `nats` = -ln P(X >= value), half a value added so that the highest seen is not impossible. */
export function surpriseOf(histogram: Histogram, value: number): HistogramSurprise {
  const bucket = logBucket(value)
  const known = histogram.surprises[bucket]
  if (known !== undefined) return known
  const made = surpriseOfBucket(histogram, bucket)
  if (bucket < MOST_BUCKETS) histogram.surprises[bucket] = made
  return made
}

/** four to an octave of any safe integer */
const MOST_BUCKETS = 4 * 54

function surpriseOfBucket(histogram: Histogram, bucket: number): HistogramSurprise {
  const { atLeast, sessions, agents, typical, highest } = histogram
  const top = atLeast.length - 1
  const seen = atLeast[Math.min(bucket, top)] ?? 0
  const beyond = Math.max(0, bucket - top + 1)
  const p = (seen + 0.5) / ((atLeast[0] ?? 0) + 1)
  return {
    nats: Math.max(0, -Math.log(p)) + beyond / BUCKETS_PER_NAT,
    sessions,
    agents,
    typical,
    highest,
    values: atLeast[0] ?? 0,
  }
}

/** From rows whose subkey is the bucket. */
export function histogramOf(rows: readonly ProfileRow[]): Histogram {
  let top = 0
  for (const row of rows) top = Math.max(top, Number(row.subkey))
  const atLeast = new Float64Array(top + 2)
  let sessions = 0
  let agents = 0
  for (const row of rows) {
    const bucket = Number(row.subkey)
    atLeast[bucket] = (atLeast[bucket] ?? 0) + row.events
    // Rows of several buckets may share sessions: the largest number is what is certain.
    sessions = Math.max(sessions, row.sessions)
    agents = Math.max(agents, row.agents)
  }
  for (let i = top - 1; i >= 0; i--) atLeast[i] = (atLeast[i] ?? 0) + (atLeast[i + 1] ?? 0)
  let median = 0
  while (median < top && (atLeast[median + 1] ?? 0) * 2 > (atLeast[0] ?? 0)) median++
  const [typical, highest] = [Math.round(ofLogBucket(median)), Math.round(ofLogBucket(top))]
  return { atLeast, sessions, agents, typical, highest, surprises: [] }
}

export function groupByKey(rows: readonly ProfileRow[]): Map<string, ProfileRow[]> {
  const groups = new Map<string, ProfileRow[]>()
  for (const row of rows) {
    const group = groups.get(row.key)
    if (group) group.push(row)
    else groups.set(row.key, [row])
  }
  return groups
}
