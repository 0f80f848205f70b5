import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FleetHistory, readFleets } from '../../baseline/learn.ts'
import { type FleetSnapshot, Fleets, parseFleet } from '../../detect/fleet.ts'
import { Sessions } from '../../detect/session.ts'
import type { Store } from '../../store/store.ts'
import type { Config } from '../config-schema.ts'

/** Clean sessions below which a tenant's history vouches for nothing. */
const SESSIONS_AT_LEAST = 10
const SUFFIX = '.fleet.json'
/** what a process that starts looks back on: what was new before that is in a snapshot, or was told of */
const LOOK_BACK_DAYS = 2

/** What history vouches for, tenant by tenant: the same fold as when judging, over clean sessions. */
export async function learnFleets(
  { baselines }: Config,
  store: Pick<Store, 'query' | 'command'>,
  nowMs: number,
): Promise<readonly FleetSnapshot[]> {
  const snapshots: FleetSnapshot[] = []
  for await (const history of readFleets({ store, nowMs }, { windowDays: baselines.historyDays }))
    if (history.sessions >= SESSIONS_AT_LEAST) snapshots.push(learn(history))
  return snapshots
}

function learn({ tenant, sessions, days, fromMs, toMs, events, peps }: FleetHistory): FleetSnapshot {
  const fleets = new Fleets()
  fold(fleets, events, true)
  return { ...fleets.snapshot(tenant, { sessions, days, fromMs, toMs }), peps }
}

function fold(fleets: Fleets, events: FleetHistory['events'], isHistory: boolean): void {
  const folded = new Sessions()
  for (const event of events) {
    const { session, duplicate } = folded.enter(event)
    if (duplicate) continue
    const fleet = fleets.enter(event, session)
    if (isHistory && fleet.auth !== undefined) fleet.failures.learn(fleet.auth)
  }
}

/** One file per tenant beside the baselines; a file is replaced whole. */
export async function saveFleets(folder: string, snapshots: readonly FleetSnapshot[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const snapshot of snapshots) {
    const path = join(folder, `${encodeURIComponent(snapshot.tenant)}${SUFFIX}`)
    await writeFile(`${path}.new`, JSON.stringify(snapshot))
    await rename(`${path}.new`, path)
  }
}

/** All fleet snapshots of a folder. Throws FleetSnapshotError when one cannot be used. */
export function loadFleets(folder: string): readonly FleetSnapshot[] {
  return textsIn(folder).map(([path, text]) => parseFleet(text, path))
}

function textsIn(folder: string): readonly (readonly [path: string, text: string])[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .map((name) => [join(folder, name), readFileSync(join(folder, name), 'utf8')])
}

const VERSIONS = 'SELECT tenant, version FROM fleet_snapshots FINAL'
const SNAPSHOT = 'SELECT snapshot FROM fleet_snapshots FINAL WHERE tenant = {tenant:String} LIMIT 1'

/** The fleet of a process that judges: rebuilt from the store when it starts, vouched for by what the learn job publishes. */
export class FleetBook {
  private readonly store: Pick<Store, 'query' | 'insert' | 'command'>
  private readonly fleets: Fleets
  private readonly known = new Map<string, string>()

  constructor(store: Pick<Store, 'query' | 'insert' | 'command'>, fleets: Fleets) {
    this.store = store
    this.fleets = fleets
  }

  /** Folds what other processes, or this one before, have stored of the last days. */
  async restore(nowMs: number): Promise<void> {
    for await (const { events } of readFleets({ store: this.store, nowMs }, { windowDays: LOOK_BACK_DAYS }, true))
      fold(this.fleets, events, false)
  }

  /** Takes in what was published since the last time. */
  async refresh(): Promise<void> {
    const heads = await this.store.query<{ readonly tenant: string; readonly version: string }>(VERSIONS)
    for (const { tenant, version } of heads) {
      if (this.known.get(tenant) === version) continue
      const [row] = await this.store.query<{ readonly snapshot: string }>(SNAPSHOT, { tenant })
      if (row !== undefined) this.fleets.absorb(parseFleet(row.snapshot, `the fleet snapshot of ${tenant}`))
      this.known.set(tenant, version)
    }
  }

  async publish(snapshots: readonly FleetSnapshot[], nowMs: number): Promise<void> {
    const rows = snapshots.map((snapshot) => publishedRow(snapshot, nowMs))
    if (rows.length > 0) await this.store.insert('fleet_snapshots', rows)
    await this.refresh()
  }

  /** Publishes what `belay learn` left in a folder where the store has nothing of the tenant. */
  async seed(folder: string, nowMs: number): Promise<void> {
    const snapshots = loadFleets(folder)
    if (snapshots.length === 0) return
    const heads = await this.store.query<{ readonly tenant: string }>(VERSIONS)
    const tenants = new Set(heads.map(({ tenant }) => tenant))
    const rows = snapshots.filter(({ tenant }) => !tenants.has(tenant)).map((one) => publishedRow(one, nowMs))
    if (rows.length > 0) await this.store.insert('fleet_snapshots', rows)
  }
}

function publishedRow(snapshot: FleetSnapshot, nowMs: number) {
  const text = JSON.stringify(snapshot)
  return {
    tenant: snapshot.tenant,
    version: createHash('sha256').update(text).digest('hex').slice(0, 16),
    sessions: snapshot.sessions,
    days: snapshot.days,
    from_time: new Date(snapshot.fromMs).toISOString(),
    to_time: new Date(snapshot.toMs).toISOString(),
    created: new Date(nowMs).toISOString(),
    snapshot: text,
  }
}
