import { stringify } from 'yaml'
import { Baselines, parseBaseline, serialise } from '../../baseline/snapshot.ts'
import type { Engine } from '../../detect/engine.ts'
import type { RuleFile } from '../../detect/sigma/load.ts'
import type { StoredFinding } from '../../store/findings.ts'
import type { Store } from '../../store/store.ts'
import type { Exception, ExceptionEffect, ExceptionState } from '../../web/findings.ts'
import { changesOf, daysOf, judgeAgain, type Side, type SideParts } from '../backtest.ts'
import type { Settings } from '../config.ts'
import type { Log } from '../log.ts'
import { learnTrial } from '../trial-baseline.ts'
import type { BaselineBook } from './baselines.ts'
import { learnOnce } from './learn.ts'
import { PastBaselines } from './past-baselines.ts'
import { RuleBook, type RuleBookObserver } from './rules.ts'

const DAY_MS = 86_400_000
const WINDOW_DAYS = 30
/** More events than that are measured from as late a day as holds them. */
const MOST_EVENTS = 2_000_000
/** An exception that nobody looks at again ends by itself. */
const LASTS_DAYS = 90

export interface ExceptionParts {
  readonly settings: Settings
  readonly store: Store
  readonly engine: Engine
  readonly refsKey: string
  readonly book: BaselineBook
  readonly log: Log
  readonly now: () => number
}

/**
 * What false positives ask for: of a written rule a filter as narrow as the finding (tenant, role, server and tool), of
 * a learnt detector that the session be learnt from. Each is measured on stored events, one after the other, and comes
 * into force only when a person accepts it.
 */
export class ExceptionDesk {
  private readonly parts: ExceptionParts
  private measuring: Promise<void> = Promise.resolve()
  private stopped = false
  private accepted: readonly RuleFile[] = []

  constructor(parts: ExceptionParts) {
    this.parts = parts
  }

  /** Proposes, and measures behind it. `isRule`: the cause is a written rule. */
  async propose(finding: StoredFinding, by: string, reason: string): Promise<Exception> {
    const { now } = this.parts
    const isRule = finding.ruleSet !== undefined && !this.isDetector(finding.cause)
    const expires = new Date(now() + LASTS_DAYS * DAY_MS).toISOString().slice(0, 10)
    const exception: Exception = {
      id: finding.id,
      tenant: finding.tenant,
      kind: isRule ? 'filter' : 'clearance',
      state: 'measuring',
      cause: finding.cause,
      role: finding.role,
      agent: finding.agent,
      session: finding.session,
      filter: isRule ? filterOf(finding, { by, reason, expires }) : '',
      by,
      reason,
      expires,
      atMs: now(),
    }
    await this.write(exception)
    this.measureLater(exception)
    return exception
  }

  async list(tenant: string): Promise<readonly Exception[]> {
    return this.read(`tenant = {tenant:String}`, { tenant })
  }

  async get(tenant: string, id: string): Promise<Exception | undefined> {
    const [found] = await this.read('tenant = {tenant:String} AND exception_id = {id:String}', { tenant, id })
    return found
  }

  /** The answer of a person; the exception as it then is. A clearance is in force with the next run of the learn job. */
  async answer(exception: Exception, state: 'accepted' | 'declined', by: string, reason: string): Promise<Exception> {
    const { store, now } = this.parts
    const answered = { ...exception, state, by, reason, atMs: Math.max(now(), exception.atMs + 1) }
    if (state === 'accepted' && exception.kind === 'clearance') {
      const { tenant, agent, session } = exception
      const at = new Date(now()).toISOString()
      const cleared = { tenant, agent_id: agent, session_id: session, cleared_by: by, note: reason, at }
      await store.insert('session_clearances', [cleared])
    }
    await this.write(answered)
    return answered
  }

  /** Filters in force, as rule files; those known before while the store cannot be asked. */
  readonly filters = async (): Promise<readonly RuleFile[]> => {
    try {
      const accepted = await this.read(`kind = 'filter' AND state = 'accepted'`, {})
      this.accepted = accepted.map(fileOf)
    } catch (err) {
      this.parts.log.warn({ err }, 'accepted exceptions could not be read; those known before stay in force')
    }
    return this.accepted
  }

  /** Measures again what a stop broke off. */
  async resume(): Promise<void> {
    for (const exception of await this.read(`state = 'measuring'`, {})) this.measureLater(exception)
  }

  /** Resolves when the measurement in hand has ended or was broken off. */
  async close(): Promise<void> {
    this.stopped = true
    await this.measuring
  }

  /** Resolves when everything that was proposed so far is measured. */
  async measured(): Promise<void> {
    await this.measuring
  }

  private measureLater(exception: Exception): void {
    const measure = async (): Promise<void> => {
      try {
        const effect = await this.measure(exception)
        await this.write({ ...exception, state: 'proposed', effect, atMs: this.parts.now() })
      } catch (err) {
        if (this.stopped) return
        this.parts.log.error({ err, exception: exception.id }, 'the effect of an exception could not be measured')
        const error = err instanceof Error ? err.message : String(err)
        await this.write({ ...exception, state: 'failed', effect: { error }, atMs: this.parts.now() })
      }
    }
    this.measuring = this.measuring.then(measure).catch((err: unknown) => {
      this.parts.log.error({ err, exception: exception.id }, 'what became of an exception could not be stored')
    })
  }

  private async measure(exception: Exception): Promise<ExceptionEffect> {
    const { settings, store, now } = this.parts
    const { tenant } = exception
    const toMs = now()
    const fromMs = await this.windowStart(tenant, toMs)
    const sides = exception.kind === 'filter' ? this.filterSides(exception) : await this.clearanceSides(exception)
    if (sides === undefined) throw new ExceptionError('nothing is learnt of this role with the session either')
    const tools = {
      store,
      progress: () => {
        if (this.stopped) throw new Error('stopped')
      },
    }
    const { events, tried, against } = await judgeAgain(settings, tools, { fromMs, toMs, tenant, ...sides })
    const days = daysOf({ fromMs, toMs })
    return {
      from: iso(fromMs),
      to: iso(toMs),
      events,
      with: tried.total(days),
      without: against.total(days),
      changes: changesOf(tried, against),
      lost_true_positives: await this.lostTruePositives(tenant, tried, against),
    }
  }

  private filterSides(exception: Exception) {
    const past = new PastBaselines(this.parts.store)
    const side = (more: readonly RuleFile[]): SideParts => ({
      rules: new RuleBook(this.parts.settings.config, refusing(exception), [], async () => [
        ...this.accepted.filter(({ path }) => path !== pathOf(exception)),
        ...more,
      ]),
      baselineOf: past.of,
    })
    return {
      tried: side([fileOf(exception)]),
      against: side([]),
      before: past.stand.bind(past),
    }
  }

  /** Both sides are judged by baselines of today, so that the one session is all that differs. */
  private async clearanceSides(exception: Exception) {
    const { settings, store, engine, refsKey, book, now } = this.parts
    const { tenant, role } = exception
    const learn = (of: Pick<Store, 'query' | 'command'>) =>
      learnOnce(settings.config, { store: of, engine, nowMs: now(), refsKey, only: { tenant, role } })
    const snapshot = await learnTrial(store, exception, learn, now())
    if (snapshot === undefined) return undefined
    const amended = new Baselines([parseBaseline(serialise(snapshot), 'the trial')])
    const rules = () => new RuleBook(settings.config, refusing(exception), [], this.filters)
    return {
      tried: {
        rules: rules(),
        baselineOf: (of: string, name: string) => amended.of(of, name) ?? book.of(of, name),
      },
      against: { rules: rules(), baselineOf: book.of },
    }
  }

  /** Findings that a person called true and that would be found no more. */
  private async lostTruePositives(tenant: string, tried: Side, against: Side): Promise<number> {
    const rows = await this.parts.store.query<{ readonly key: string }>(TRUE_POSITIVES, { tenant })
    return rows.filter(({ key }) => against.found.has(key) && !tried.found.has(key)).length
  }

  private async windowStart(tenant: string, toMs: number): Promise<number> {
    const days = await this.parts.store.query<{ readonly day_ms: number; readonly events: number }>(DAYS, {
      tenant,
      from_ms: toMs - WINDOW_DAYS * DAY_MS,
    })
    let events = 0
    for (const day of days) {
      events += day.events
      if (events > MOST_EVENTS) return day.day_ms + DAY_MS
    }
    return toMs - WINDOW_DAYS * DAY_MS
  }

  private isDetector(cause: string): boolean {
    return this.parts.engine.detectors.some(({ id }) => id === cause)
  }

  private async write(exception: Exception): Promise<void> {
    const { id, agent, session, effect, atMs, ...row } = exception
    await this.parts.store.insert('exception_rows', [
      {
        ...row,
        exception_id: id,
        agent_id: agent,
        session_id: session,
        effect: effect === undefined ? '' : JSON.stringify(effect),
        at: iso(atMs),
      },
    ])
  }

  private async read(where: string, parameters: Readonly<Record<string, string>>): Promise<readonly Exception[]> {
    const rows = await this.parts.store.query<StoredException>(
      `${EXCEPTIONS} WHERE ${where} ORDER BY at_ms DESC`,
      parameters,
    )
    return rows.map(({ at_ms, effect, ...row }) => ({
      ...row,
      atMs: at_ms,
      ...(effect !== '' && { effect: JSON.parse(effect) as ExceptionEffect }),
    }))
  }
}

interface StoredException extends Omit<Exception, 'atMs' | 'effect'> {
  readonly state: ExceptionState
  readonly at_ms: number
  readonly effect: string
}

const EXCEPTIONS = `SELECT exception_id AS id, tenant, kind, state, cause, role, agent_id AS agent, session_id AS session, filter,
  effect, by, reason, toString(expires) AS expires, toUnixTimestamp64Milli(at) AS at_ms FROM exceptions`

const TRUE_POSITIVES = `SELECT concat(tenant, '\u001f', session_id, '\u001f', role, '\u001f', cause) AS key
  FROM findings WHERE tenant = {tenant:String} AND disposition = 'true_positive'`

const DAYS = `SELECT toUnixTimestamp(toStartOfDay(received)) * 1000 AS day_ms, count() AS events FROM event_rows
  WHERE tenant = {tenant:String} AND received >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  GROUP BY day_ms ORDER BY day_ms DESC`

/** A filter that would not load, or that belongs to no rule, must not count as one that changes nothing. */
function refusing(exception: Exception): RuleBookObserver {
  const path = pathOf(exception)
  return {
    swapped(_generation, _rules, failed, warnings) {
      const [problem] = [...failed, ...warnings].filter(({ file }) => file === path)
      if (problem) throw new ExceptionError(problem.message)
    },
    kept: () => undefined,
  }
}

/** The exception cannot be what it was meant to be. */
class ExceptionError extends Error {
  override readonly name = 'ExceptionError'
  readonly code = 'exception_refused'
}

interface Answerable {
  readonly by: string
  readonly reason: string
  readonly expires: string
}

/** As narrow as the finding: the same rule, for the same role (or agent where it has none), server and tool. */
function filterOf(
  { id, tenant, cause, agent, role, server, tool }: StoredFinding,
  { by, reason, expires }: Answerable,
): string {
  return stringify({
    title: `Exception from ${cause} after finding ${id}`,
    logsource: { category: 'agent_tool_event' },
    owner: by,
    reason,
    expires,
    filter: {
      rules: [cause],
      selection: {
        tenant: literal(tenant),
        ...(role === agent ? { 'agent.id': literal(agent) } : { 'agent.role': literal(role) }),
        'server.id': literal(server),
        ...(tool !== undefined && { 'tool.name': literal(tool) }),
      },
      condition: 'selection',
    },
  })
}

/** Names come from events: what Sigma reads as a wildcard is meant as it stands. */
function literal(text: string): string {
  return text.replace(/[\\*?]/g, '\\$&')
}

function pathOf({ tenant, id }: Pick<Exception, 'tenant' | 'id'>): string {
  return `exception ${tenant}/${id}.yml`
}

function fileOf(exception: Exception): RuleFile {
  return { path: pathOf(exception), bytes: Buffer.from(exception.filter) }
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}
