import type { Comparison, Correlation, CountTest } from './ast.ts'

const HOLDS: Readonly<Record<Comparison | 'eq' | 'neq', (count: number, value: number) => boolean>> = {
  lt: (count, value) => count < value,
  lte: (count, value) => count <= value,
  gt: (count, value) => count > value,
  gte: (count, value) => count >= value,
  eq: (count, value) => count === value,
  neq: (count, value) => count !== value,
}

export function holds(tests: readonly CountTest[], count: number): boolean {
  return tests.every(({ operator, value }) => HOLDS[operator](count, value))
}

export function largest(tests: readonly CountTest[]): number {
  return tests.reduce((most, { value }) => Math.max(most, value), 0)
}

/** What must hold; of a temporal correlation that states nothing, that all of its rules match. */
export function testsOf({ type, condition, rules }: Correlation): readonly CountTest[] {
  const temporal = type === 'temporal' || type === 'temporal_ordered'
  return temporal && condition.length === 0 ? [{ operator: 'gte', value: rules.length }] : condition
}
