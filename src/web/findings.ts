import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { DISPOSITIONS, type Disposition, type DispositionKind, type Finding } from '../model/index.ts'
import { readFindings, type StoredFinding } from '../store/findings.ts'
import type { Store } from '../store/store.ts'
import { readCompleteness, type Verdict } from './completeness.ts'
import { problem } from './server.ts'

/** `measuring`: what it would have changed is being found out; `failed`: it could not be. */
export type ExceptionState = 'measuring' | 'proposed' | 'failed' | 'accepted' | 'declined'

/** What an exception would have changed in the window, measured by judging its events again with and without it. */
export type ExceptionEffect =
  | {
      /** ISO 8601; the last 30 days, or as many of them as can be judged again */
      readonly from: string
      readonly to: string
      readonly events: number
      readonly with: EffectSide
      readonly without: EffectSide
      /** by role and cause, most changed first */
      readonly changes: readonly {
        readonly role: string
        readonly cause: string
        readonly gained: number
        readonly lost: number
      }[]
      /** findings that an analyst called true and that would be found no more */
      readonly lost_true_positives: number
    }
  | { readonly error: string }

interface EffectSide {
  readonly findings: number
  readonly suspended: number
  readonly quarantined: number
  readonly readOnly: number
  readonly askedPerDay: number
}

/** What a false positive asks for; in force only when `accepted`. */
export interface Exception {
  /** the finding it comes from */
  readonly id: string
  readonly tenant: string
  /** `filter`: a Sigma filter of a written rule. `clearance`: baselines learn from the session. */
  readonly kind: 'filter' | 'clearance'
  readonly state: ExceptionState
  readonly cause: string
  readonly role: string
  readonly agent: string
  readonly session: string
  /** the Sigma filter, YAML; empty for a clearance */
  readonly filter: string
  readonly effect?: ExceptionEffect
  /** who brought it to this state, and why */
  readonly by: string
  readonly reason: string
  /** day on which a filter ends, YYYY-MM-DD */
  readonly expires: string
  readonly atMs: number
}

/** Proposes exceptions, measures them and puts them in force. */
export interface Exceptions {
  propose(finding: StoredFinding, by: string, reason: string): Promise<Exception>
  list(tenant: string): Promise<readonly Exception[]>
  get(tenant: string, id: string): Promise<Exception | undefined>
  answer(exception: Exception, state: 'accepted' | 'declined', by: string, reason: string): Promise<Exception>
}

/** What a person did about a finding or an exception, for the audit record. */
export interface FindingAction {
  readonly tenant: string
  readonly kind: 'finding' | 'exception'
  readonly actor: string
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface FindingParts {
  readonly store: Pick<Store, 'query' | 'insert'>
  readonly exceptions: Exceptions
  /** must not throw */
  readonly told: (action: FindingAction) => void
  /** tells SIEMs of a finding that was closed; absent where nothing is forwarded */
  readonly forward?: (findings: readonly Finding[]) => Promise<void>
  readonly now: () => number
}

/** `GET /v1/findings/{id}`: the finding and all that became of it, oldest first. */
export interface FindingDetail extends StoredFinding {
  readonly history: readonly {
    readonly time: string
    readonly what: 'created' | 'updated' | 'containment' | 'disposition'
    readonly detail: string
    readonly by: string
  }[]
  /** whether every event of the session came, as far as its PEPs number them */
  readonly completeness: { readonly verdict: Verdict; readonly missing: number; readonly late: number }
}

/** What analysts read, close and except. */
export function findingRoutes(parts: FindingParts): FastifyPluginAsync {
  return async (server) => {
    listRoutes(server, parts)
    dispositionRoute(server, parts)
    exceptionRoutes(server, parts)
  }
}

function listRoutes(server: FastifyInstance, { store, now }: FindingParts): void {
  server.get('/v1/findings', { schema: { querystring: LIST_QUERY } }, async (request) => {
    const query = request.query as { readonly limit: number }
    return { findings: await readFindings(store, { ...query, tenant: request.principal.tenant }) }
  })
  server.get('/v1/findings/:id', async (request, reply) => {
    const { tenant } = request.principal
    const { id } = request.params as { readonly id: string }
    const [finding] = await readFindings(store, { tenant, id, limit: 1 })
    if (finding === undefined) return unknown(reply)
    const history = await store.query<StoredStep>(HISTORY, { tenant, id })
    const steps = history.map(({ at_ms, ...step }) => ({ time: new Date(at_ms).toISOString(), ...step }))
    return {
      ...finding,
      history: steps,
      completeness: await completenessOf(store, finding, now()),
    } satisfies FindingDetail
  })
}

const DAY_MS = 24 * 3_600_000

/** Of the session, from a day before the situation until now. */
async function completenessOf(
  store: Pick<Store, 'query'>,
  { tenant, agent, session, openedMs }: StoredFinding,
  nowMs: number,
): Promise<FindingDetail['completeness']> {
  const window = { tenant, fromMs: openedMs - DAY_MS, toMs: nowMs, session: { agent, id: session } }
  const { verdict, peps } = await readCompleteness(store, window)
  const sum = (of: 'missing' | 'late') => peps.reduce((total, pep) => total + pep[of], 0)
  return { verdict, missing: sum('missing'), late: sum('late') }
}

function dispositionRoute(server: FastifyInstance, { store, exceptions, told, forward, now }: FindingParts): void {
  server.post('/v1/findings/:id/disposition', { schema: { body: DISPOSITION_BODY } }, async (request, reply) => {
    const { tenant, name: by } = request.principal
    const { id } = request.params as { readonly id: string }
    const { disposition: kind, reason, duplicate_of: duplicateOf } = request.body as DispositionBody
    const [finding] = await readFindings(store, { tenant, id, limit: 1 })
    if (finding === undefined) return unknown(reply)
    const wrong = await wrongDuplicate(store, tenant, id, kind, duplicateOf)
    if (wrong !== undefined) return problem(reply, 400, wrong)
    const disposition: Disposition = {
      kind,
      by,
      reason,
      atMs: Math.max(now(), (finding.disposition?.atMs ?? 0) + 1),
      ...(duplicateOf !== undefined && { duplicateOf }),
    }
    const row = { tenant, finding_id: id, by, reason, disposition: kind, severity: finding.severity }
    const at = new Date(disposition.atMs).toISOString()
    await store.insert('finding_dispositions', [{ ...row, at, duplicate_of: duplicateOf ?? '' }])
    told({ tenant, kind: 'finding', actor: by, subject: id, detail: { disposition: kind, reason, duplicateOf } })
    const closed: StoredFinding = { ...finding, status: 'closed', activity: 'closed', disposition }
    await forward?.([closed])
    // A finding about a containment was raised by no detector and no rule.
    const exception =
      kind === 'false_positive' && finding.baseline !== '' ? await exceptions.propose(closed, by, reason) : undefined
    return { finding: closed, ...(exception && { exception }) }
  })
}

/** Why `duplicateOf` cannot be what it is said to be. */
async function wrongDuplicate(
  store: Pick<Store, 'query'>,
  tenant: string,
  id: string,
  kind: DispositionKind,
  duplicateOf: string | undefined,
): Promise<string | undefined> {
  if (kind !== 'duplicate') return duplicateOf === undefined ? undefined : '`duplicate_of` is for duplicates only'
  if (duplicateOf === undefined || duplicateOf === id) return 'say in `duplicate_of` which other finding it repeats'
  const [other] = await readFindings(store, { tenant, id: duplicateOf, limit: 1 })
  return other === undefined ? `no finding ${duplicateOf} in this tenant` : undefined
}

function exceptionRoutes(server: FastifyInstance, { exceptions, told }: FindingParts): void {
  server.get('/v1/exceptions', async (request) => ({ exceptions: await exceptions.list(request.principal.tenant) }))
  server.get('/v1/exceptions/:id', async (request, reply) => {
    const { id } = request.params as { readonly id: string }
    return (await exceptions.get(request.principal.tenant, id)) ?? problem(reply, 404, 'no such exception')
  })
  for (const [verdict, state] of [
    ['accept', 'accepted'],
    ['decline', 'declined'],
  ] as const) {
    server.post(`/v1/exceptions/:id/${verdict}`, { schema: { body: ANSWER_BODY } }, async (request, reply) => {
      const { tenant, name: by } = request.principal
      const { id } = request.params as { readonly id: string }
      const { reason } = request.body as { readonly reason: string }
      const exception = await exceptions.get(tenant, id)
      if (exception === undefined) return problem(reply, 404, 'no such exception')
      const why = whyNot(exception, state)
      if (why !== undefined) return problem(reply, 409, why)
      const answered = await exceptions.answer(exception, state, by, reason)
      told({ tenant, kind: 'exception', actor: by, subject: id, detail: { state, reason, effect: exception.effect } })
      return answered
    })
  }
}

/** Nobody accepts what was not measured; a filter in force may be declined again, what was learnt from may not. */
function whyNot({ state, kind }: Exception, wanted: 'accepted' | 'declined'): string | undefined {
  if (wanted === 'accepted')
    return state === 'proposed'
      ? undefined
      : `it is ${state}; only a proposed exception, whose effect is known, can be accepted`
  if (state === 'declined') return 'it is declined already'
  if (state === 'accepted' && kind === 'clearance')
    return 'baselines may have learnt from the session; go back to one before it with `belay baselines rollback`'
  return undefined
}

function unknown(reply: FastifyReply): FastifyReply {
  return problem(reply, 404, 'no such finding in this tenant')
}

interface DispositionBody {
  readonly disposition: DispositionKind
  readonly reason: string
  readonly duplicate_of?: string
}

interface StoredStep extends Omit<FindingDetail['history'][number], 'time'> {
  readonly at_ms: number
}

const HISTORY = `
SELECT * FROM (
  SELECT toUnixTimestamp64Milli(revised) AS at_ms, toString(activity) AS what,
         concat(severity, ', ', toString(count), if(count = 1, ' event', ' events')) AS detail, toString(cause) AS by
  FROM finding_revisions WHERE tenant = {tenant:String} AND finding_id = {id:String}
  UNION ALL
  SELECT toUnixTimestamp64Milli(changes.time), 'containment', concat(level, ' ', state),
         if(released_by = '', toString(gateway), released_by)
  FROM containment_changes AS changes WHERE tenant = {tenant:String} AND finding_id = {id:String}
  UNION ALL
  SELECT toUnixTimestamp64Milli(at), 'disposition', concat(disposition, ': ', reason), by
  FROM finding_dispositions FINAL WHERE tenant = {tenant:String} AND finding_id = {id:String}
) ORDER BY at_ms`

const TEXT = { type: 'string', maxLength: 512 }
const LIST_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    status: { enum: ['open', 'closed'] },
    severity: { enum: ['low', 'medium', 'high', 'critical'] },
    role: TEXT,
    agent: TEXT,
    session: TEXT,
    cause: TEXT,
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 50 },
  },
}
const REASON = { type: 'string', minLength: 1, maxLength: 2000 }
const DISPOSITION_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['disposition', 'reason'],
  properties: { disposition: { enum: [...DISPOSITIONS] }, reason: REASON, duplicate_of: TEXT },
}
const ANSWER_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['reason'],
  properties: { reason: REASON },
}
