import { randomUUID } from 'node:crypto'
import type { Snapshot } from '../baseline/snapshot.ts'
import { readMigrations, withoutComments } from '../store/migrate.ts'
import type { QueryParameters, Store } from '../store/store.ts'

/** The tables and views of the learn job, as its statements name them. */
const LEARNING = /\b(learnt_session_rows|learnt_sessions|learnt_days|profile_rows|profile_days|session_clearances)\b/g
const COPIED = ['learnt_session_rows', 'learnt_days', 'profile_rows', 'session_clearances']
const SCHEMA = '0010_learning.sql'

export type TrialStore = Pick<Store, 'query' | 'command' | 'insert'>

/** A session that a person would clear. */
export interface TriedClearance {
  readonly tenant: string
  readonly role: string
  readonly agent: string
  readonly session: string
}

/**
 * What the learn job would learn of a role if a session were cleared: the same job over the same events, in copies of
 * its tables that are dropped again, so that nothing of it counts. Undefined where it learns nothing of the role.
 */
export async function learnTrial(
  store: TrialStore,
  { tenant, role, agent, session }: TriedClearance,
  learn: (store: Pick<Store, 'query' | 'command'>) => Promise<readonly Snapshot[]>,
  nowMs: number,
): Promise<Snapshot | undefined> {
  const name = `trial_${randomUUID().replaceAll('-', '')}_`
  const renamed = (sql: string): string => sql.replace(LEARNING, `${name}$1`)
  const schema = readMigrations().find((migration) => migration.name === SCHEMA)?.statements ?? []
  try {
    for (const statement of schema) await store.command(renamed(statement))
    for (const table of COPIED)
      await store.command(`INSERT INTO ${name}${table} SELECT * FROM ${table} WHERE tenant = {tenant:String}`, {
        tenant,
      })
    const cleared = {
      tenant,
      agent_id: agent,
      session_id: session,
      cleared_by: 'trial',
      note: '',
      at: new Date(nowMs).toISOString(),
    }
    await store.insert(`${name}session_clearances`, [cleared])
    const snapshots = await learn({
      query: <Row>(sql: string, parameters?: QueryParameters) => store.query<Row>(renamed(sql), parameters),
      command: (sql, parameters) => store.command(renamed(sql), parameters),
    })
    return snapshots.find((one) => one.tenant === tenant && one.role === role)
  } finally {
    for (const statement of schema.map(withoutComments).toReversed()) await store.command(renamed(dropOf(statement)))
  }
}

function dropOf(statement: string): string {
  const [, kind = '', made = ''] = /^CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/.exec(statement) ?? []
  return `DROP ${kind} IF EXISTS ${made}`
}
