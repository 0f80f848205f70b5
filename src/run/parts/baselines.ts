import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Baselines, OtherKeyError, parseBaseline, type Snapshot, serialise } from '../../baseline/snapshot.ts'
import type { Baseline, BaselineState } from '../../model/index.ts'
import type { Store } from '../../store/store.ts'

const DAY_MS = 86_400_000

interface Published {
  readonly tenant: string
  readonly role: string
  readonly version: string
  readonly state: BaselineState
  readonly created_ms: number | string
}

const HEADS = `SELECT tenant, role, version, state, toUnixTimestamp64Milli(created) AS created_ms FROM current_baselines`
const SNAPSHOTS = `SELECT snapshot FROM baselines FINAL WHERE tenant = {tenant:String} AND role = {role:String}
  AND version = {version:String} LIMIT 1`

const PINS = `SELECT tenant, role FROM baseline_pins FINAL WHERE version != ''`

/** The key of destination fingerprints: baselines of another one are refused, each told once. */
interface KeyInForce {
  readonly refsKey: string
  readonly refused: (error: OtherKeyError, baseline: Pick<Published, 'role' | 'version'>) => void
}

/**
 * The baselines in force: published in the store by whoever learns, read from there by whoever judges. `refresh` swaps
 * all of them at once; a pipeline that asks per event sees the swap between two events, never half of it.
 */
export class BaselineBook {
  private readonly store: Pick<Store, 'query' | 'insert'>
  private readonly shelfLifeMs: number
  private readonly key: KeyInForce | undefined
  private readonly refused = new Set<string>()
  private current = new Baselines([])

  constructor(store: Pick<Store, 'query' | 'insert'>, shelfLifeDays: number, key?: KeyInForce) {
    this.key = key
    this.store = store
    this.shelfLifeMs = shelfLifeDays * DAY_MS
  }

  readonly of = (tenant: string, role: string): Baseline | undefined => this.current.of(tenant, role)

  /** How many are in each state. */
  readonly states = (): Readonly<Record<string, number>> => {
    const states: Record<string, number> = {
      learning: 0,
      active: 0,
      drifted: 0,
      'suspected-poisoned': 0,
      stale: 0,
      refused: this.refused.size,
    }
    for (const { state } of this.current.all) states[state] = (states[state] ?? 0) + 1
    return states
  }

  /** Reads what was published since the last time. */
  async refresh(nowMs: number): Promise<void> {
    const heads = await this.store.query<Published>(HEADS)
    const baselines = await Promise.all(heads.map((head) => this.baseline(head, nowMs)))
    this.current = new Baselines(baselines.filter((baseline) => baseline !== undefined))
  }

  /**
   * Publishes what was learnt. A role that is still learning never takes the place of a baseline that judges, and
   * nothing that of one which a person keeps in force.
   */
  async publish(snapshots: readonly Snapshot[], nowMs: number): Promise<void> {
    const pins = await this.store.query<{ readonly tenant: string; readonly role: string }>(PINS)
    const rows = snapshots.flatMap((snapshot) => {
      if (pins.some(({ tenant, role }) => tenant === snapshot.tenant && role === snapshot.role)) return []
      const known = this.current.of(snapshot.tenant, snapshot.role)
      const weaker = snapshot.state === 'learning' && known !== undefined && known.state !== 'learning'
      return weaker ? [] : [publishedRow(serialise(snapshot), nowMs)]
    })
    if (rows.length > 0) await this.store.insert('baselines', rows)
    await this.refresh(nowMs)
  }

  /** Publishes the baselines that `belay learn` left in a folder, each version once. */
  async seed(folder: string, nowMs: number): Promise<void> {
    if (!existsSync(folder)) return
    const known = await this.store.query<{ readonly version: string }>('SELECT DISTINCT version FROM baselines')
    const versions = new Set(known.map(({ version }) => version))
    const files = readdirSync(folder).filter((name) => name.endsWith('.baseline.json'))
    const rows = files.map((name) => publishedRow(readFileSync(join(folder, name), 'utf8'), nowMs))
    const fresh = rows.filter(({ version }) => !versions.has(version))
    if (fresh.length > 0) await this.store.insert('baselines', fresh)
  }

  private async baseline(head: Published, nowMs: number): Promise<Baseline | undefined> {
    const known = this.current.of(head.tenant, head.role)
    const baseline = known?.version === head.version ? known : await this.read(head)
    if (baseline === undefined || baseline.state === 'learning') return baseline
    const learnt = baseline.state === 'stale' ? 'active' : baseline.state
    const state = nowMs - Number(head.created_ms) > this.shelfLifeMs ? 'stale' : learnt
    return baseline.state === state ? baseline : { ...baseline, state }
  }

  private async read({ tenant, role, version }: Published): Promise<Baseline | undefined> {
    if (this.refused.has(version)) return undefined
    const [row] = await this.store.query<{ readonly snapshot: string }>(SNAPSHOTS, { tenant, role, version })
    try {
      return row && parseBaseline(row.snapshot, `the baseline of ${role}`, this.key?.refsKey)
    } catch (error) {
      if (!(error instanceof OtherKeyError)) throw error
      this.refused.add(version)
      this.key?.refused(error, { role, version })
      return undefined
    }
  }
}

function publishedRow(snapshot: string, nowMs: number) {
  const baseline = parseBaseline(snapshot)
  const { tenant, role, version, state, sessions, agents, days, calibration } = baseline
  return {
    tenant,
    role,
    version,
    state,
    parent: baseline.parent ?? '',
    sessions,
    agents,
    days,
    from_time: new Date(baseline.fromMs).toISOString(),
    to_time: new Date(baseline.toMs).toISOString(),
    threshold_nats: calibration.thresholdNats,
    budget: calibration.budget,
    achieved: calibration.achieved,
    created: new Date(nowMs).toISOString(),
    snapshot,
  }
}
