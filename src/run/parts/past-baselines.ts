import { parseBaseline } from '../../baseline/snapshot.ts'
import { type Baseline, roleOf, type ToolEvent } from '../../model/index.ts'
import type { Store } from '../../store/store.ts'

const SNAPSHOT = `SELECT snapshot FROM baselines FINAL WHERE tenant = {tenant:String} AND version = {version:String} LIMIT 1`

/** Baselines as they stood: each event is judged by the version that judged it then. */
export class PastBaselines {
  private readonly store: Pick<Store, 'query'>
  private readonly versions = new Map<string, Baseline | undefined>()
  private readonly standing = new Map<string, Baseline | undefined>()

  constructor(store: Pick<Store, 'query'>) {
    this.store = store
  }

  readonly of = (tenant: string, role: string): Baseline | undefined => this.standing.get(`${tenant}\u001f${role}`)

  /** From now on the event's role is judged by this version, until another one is named. */
  async stand({ tenant, data }: ToolEvent, version: string): Promise<void> {
    const key = `${tenant}\u001f${version}`
    if (!this.versions.has(key)) this.versions.set(key, await this.read(tenant, version))
    this.standing.set(`${tenant}\u001f${roleOf(data)}`, this.versions.get(key))
  }

  private async read(tenant: string, version: string): Promise<Baseline | undefined> {
    if (version === 'none') return undefined
    const [row] = await this.store.query<{ readonly snapshot: string }>(SNAPSHOT, { tenant, version })
    return row && parseBaseline(row.snapshot, `the baseline ${version}`)
  }
}
