import type { Snapshot } from './snapshot.ts'

/** One cell of a profile that two baselines hold differently; shares are of the sessions behind each. */
export interface CellChange {
  readonly key: string
  readonly subkey: string
  readonly before: number
  readonly after: number
}

export interface ProfileDiff {
  readonly profile: string
  /** Jensen-Shannon divergence of what sessions showed, bits, 0 (the same) to 1 (nothing in common); Lin 1991 */
  readonly divergence: number
  /** cells that only one of them has */
  readonly added: number
  readonly removed: number
  /** the largest changes of share, at most SHOWN */
  readonly changes: readonly CellChange[]
}

export interface BaselineDiff {
  readonly role: string
  readonly head: readonly { readonly what: string; readonly before: number | string; readonly after: number | string }[]
  readonly profiles: readonly ProfileDiff[]
}

const SHOWN = 10

/** What changed from one snapshot of a role to another. */
export function diffSnapshots(before: Snapshot, after: Snapshot): BaselineDiff {
  const names = [...new Set([...Object.keys(before.rows), ...Object.keys(after.rows)])].sort()
  return {
    role: after.role,
    head: headOf(before, after),
    profiles: names.map((profile) => diffProfile(profile, before, after)),
  }
}

function headOf(before: Snapshot, after: Snapshot): BaselineDiff['head'] {
  const numbers = (of: Snapshot) => ({
    role: of.role,
    state: of.state,
    sessions: of.sessions,
    agents: of.agents,
    days: of.days,
    threshold: Number(of.calibration.thresholdNats.toFixed(3)),
  })
  const [one, other] = [numbers(before), numbers(after)]
  return Object.entries(one).map(([what, value]) => ({ what, before: value, after: other[what as keyof typeof other] }))
}

function diffProfile(profile: string, before: Snapshot, after: Snapshot): ProfileDiff {
  const cells = new Map<string, { key: string; subkey: string; before: number; after: number }>()
  for (const [side, snapshot] of [
    ['before', before],
    ['after', after],
  ] as const) {
    for (const [key, subkey, , sessions] of snapshot.rows[profile] ?? []) {
      const name = `${key}\u0000${subkey}`
      const cell = cells.get(name) ?? { key, subkey, before: 0, after: 0 }
      cell[side] = sessions / Math.max(1, snapshot.sessions)
      cells.set(name, cell)
    }
  }
  const all = [...cells.values()]
  return {
    profile,
    divergence: divergenceOf(all),
    added: all.filter((cell) => cell.before === 0).length,
    removed: all.filter((cell) => cell.after === 0).length,
    changes: all
      .filter((cell) => cell.before !== cell.after)
      .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before) || (a.key < b.key ? -1 : 1))
      .slice(0, SHOWN),
  }
}

function divergenceOf(cells: readonly { readonly before: number; readonly after: number }[]): number {
  let before = 0
  let after = 0
  for (const cell of cells) {
    before += cell.before
    after += cell.after
  }
  if (before === 0 || after === 0) return before === after ? 0 : 1
  let bits = 0
  for (const cell of cells) {
    const [p, q] = [cell.before / before, cell.after / after]
    const middle = (p + q) / 2
    bits += (part(p, middle) + part(q, middle)) / 2
  }
  // Rounding may leave it just outside.
  return Math.min(1, Math.max(0, bits))
}

function part(p: number, middle: number): number {
  return p === 0 ? 0 : p * Math.log2(p / middle)
}
