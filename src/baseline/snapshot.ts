import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Baseline, BaselineState, Calibration, Profiles, Suspect } from '../model/index.ts'
import { compileCombination, type PackedCombination } from './combination.ts'
import type { ProfileRow } from './profile.ts'
import { compileProfiles, type ProfileRows } from './profiles.ts'

/** What a snapshot says besides its rows. */
export interface SnapshotHead {
  readonly tenant: string
  readonly role: string
  readonly state: BaselineState
  readonly sessions: number
  readonly agents: number
  readonly calls: number
  readonly days: number
  readonly fromMs: number
  readonly toMs: number
  readonly timeZone: string
  readonly parent?: string
  /** what was withheld from the rows */
  readonly suspects?: readonly Suspect[]
  /** tells keys of destination fingerprints apart: a baseline is worth nothing under another one */
  readonly refsKey?: string
}

/** A baseline as it is kept: everything it was compiled from, nothing it was compiled into. */
export interface Snapshot extends SnapshotHead {
  readonly format: 1
  readonly calibration: Calibration
  /** absent where the role's history is too small for it */
  readonly combination?: PackedCombination
  /** per profile: key, subkey, events, sessions, agents */
  readonly rows: Readonly<Record<string, readonly PackedRow[]>>
}
type PackedRow = readonly [key: string, subkey: string, events: number, sessions: number, agents: number]

/** A snapshot that cannot be read; the message names it and says what to do. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError'
  readonly code = 'snapshot-unusable'
}

/** A baseline of another key: none of its destinations would match, and everyone would look like a puppet. */
export class OtherKeyError extends Error {
  override readonly name = 'OtherKeyError'
  readonly code = 'baseline-of-another-key'
  constructor(name: string) {
    super(
      `${name} was learnt with another key for its destinations than the one in force; ` +
        'bring back that key (`refs.key`, or the file refs.key beside the baselines) or learn it again',
    )
  }
}

export function makeSnapshot(
  head: SnapshotHead,
  rows: ProfileRows,
  calibration: Calibration,
  combination?: PackedCombination,
): Snapshot {
  const packed: Record<string, PackedRow[]> = {}
  for (const [profile, list] of Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1)))
    packed[profile] = list
      .map((row): PackedRow => [row.key, row.subkey, row.events, row.sessions, row.agents])
      .sort(byKey)
  return { format: 1, ...head, calibration, ...(combination && { combination }), rows: packed }
}

function byKey(a: PackedRow, b: PackedRow): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0
}

export function serialise(snapshot: Snapshot): string {
  return JSON.stringify(snapshot)
}

/**
 * Compiles a serialised snapshot; its version is the digest of the very text. Throws SnapshotError, and OtherKeyError
 * when both it and the caller name a key and they differ.
 */
export function parseBaseline(text: string, name = 'snapshot', refsKey?: string): Baseline {
  let snapshot: Snapshot
  try {
    snapshot = JSON.parse(text) as Snapshot
  } catch (cause) {
    throw new SnapshotError(`${name} is not JSON; learn it again`, { cause })
  }
  if (snapshot?.format !== 1 || typeof snapshot.role !== 'string')
    throw new SnapshotError(`${name} is not a baseline of format 1; learn it again with this version`)
  if (refsKey !== undefined && snapshot.refsKey !== undefined && snapshot.refsKey !== refsKey)
    throw new OtherKeyError(name)
  const rows: Partial<Record<keyof Profiles, readonly ProfileRow[]>> = {}
  for (const [profile, list] of Object.entries(snapshot.rows))
    rows[profile as keyof Profiles] = list.map(([key, subkey, events, sessions, agents]) => ({
      key,
      subkey,
      events,
      sessions,
      agents,
    }))
  const { tenant, role, state, sessions, agents, calls, days, fromMs, toMs, timeZone, parent, calibration } = snapshot
  const version = createHash('sha256').update(text).digest('hex').slice(0, 16)
  const profiles = compileProfiles(rows, { calls, sessions, agents, timeZone })
  const combination = compileCombination(snapshot.combination)
  const { suspects } = snapshot
  const head = { tenant, role, version, state, sessions, agents, days, fromMs, toMs, calibration }
  return {
    ...head,
    ...(parent !== undefined && { parent }),
    ...(suspects && { suspects }),
    ...(combination && { combination }),
    ...profiles,
  }
}

const SUFFIX = '.baseline.json'

/** One file per tenant and role; a file is replaced whole, so a reader sees the old one or the new one. */
export async function saveBaselines(folder: string, snapshots: readonly Snapshot[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const snapshot of snapshots) {
    const path = join(folder, `${fileName(snapshot.tenant)}.${fileName(snapshot.role)}${SUFFIX}`)
    await writeFile(`${path}.new`, serialise(snapshot))
    await rename(`${path}.new`, path)
  }
}

/** All baselines of a folder. Rejects with SnapshotError or OtherKeyError when one cannot be used. */
export async function loadBaselines(folder: string, refsKey?: string): Promise<Baselines> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(SUFFIX)).sort()
  const baselines = await Promise.all(
    files.map(async (name) => parseBaseline(await readFile(join(folder, name), 'utf8'), join(folder, name), refsKey)),
  )
  return new Baselines(baselines)
}

/** Immutable look-up by tenant and role: what a scorer swaps between batches. */
export class Baselines {
  readonly all: readonly Baseline[]
  private readonly byRole: ReadonlyMap<string, ReadonlyMap<string, Baseline>>

  constructor(baselines: readonly Baseline[]) {
    this.all = baselines
    const byTenant = new Map<string, Map<string, Baseline>>()
    for (const baseline of baselines) {
      const roles = byTenant.get(baseline.tenant) ?? new Map<string, Baseline>()
      byTenant.set(baseline.tenant, roles.set(baseline.role, baseline))
    }
    this.byRole = byTenant
  }

  of(tenant: string, role: string): Baseline | undefined {
    return this.byRole.get(tenant)?.get(role)
  }
}

/** A baseline that was not learnt anew for this long is stale: it still judges, and says so. */
export const SHELF_LIFE_MS = 30 * 86_400_000

export function stateAt(baseline: Pick<Baseline, 'state' | 'toMs'>, nowMs: number): BaselineState {
  return baseline.state !== 'learning' && nowMs - baseline.toMs > SHELF_LIFE_MS ? 'stale' : baseline.state
}

/** Letters, digits, dash and underscore stay; anything else is percent-encoded, dots too. */
function fileName(text: string): string {
  return encodeURIComponent(text).replace(/[.*!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
