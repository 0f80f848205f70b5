import { fileURLToPath } from 'node:url'
import { closest } from 'fastest-levenshtein'
import { emptyBaseline } from '../../baseline/empty.ts'
import { calibrate, describeCalls, type HeldOut, rehearse } from '../../detect/calibrate.ts'
import { Engine, type EngineObserver, loadDetectors } from '../../detect/engine.ts'
import { type FleetSnapshot, Fleets } from '../../detect/fleet.ts'
import { StreamJudge } from '../../detect/judge.ts'
import type { Past } from '../../detect/restore.ts'
import type { Rules } from '../../detect/rules.ts'
import { type SessionOptions, Sessions } from '../../detect/session.ts'
import type { Weights } from '../../detect/verdict.ts'
import { WEIGHTS } from '../../detect/weights.ts'
import { type PlanPolicy, type PolicyRule, plan } from '../../dispatch/plan.ts'
import { type Baseline, type Budgets, type Calibration, LEVELS, type Level } from '../../model/index.ts'
import type { Store } from '../../store/store.ts'
import { ConfigError } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { Patience } from './patience.ts'

/** Beside src/ in a checkout, beside dist/src/ in a build. */
const BUILT_IN = fileURLToPath(new URL('../../../detectors/', import.meta.url))

/** The built-in detectors and those of the configured folders: optional ones only if enabled, none that is disabled. */
export async function openEngine({ detection }: Config, observer: EngineObserver): Promise<Engine> {
  const { enabled, disabled, detectorFolders } = detection
  const detectors = await loadDetectors([BUILT_IN, ...detectorFolders])
  const ids = detectors.map(({ id }) => id)
  checkIds('detection.enabled', enabled, ids)
  checkIds('detection.disabled', disabled, ids)
  return new Engine(
    detectors.filter(({ id, isOptional }) => !disabled.includes(id) && (!isOptional || enabled.includes(id))),
    observer,
  )
}

/** Throws ConfigError. */
function checkIds(key: string, named: readonly string[], known: readonly string[]): void {
  for (const [index, id] of named.entries())
    if (!known.includes(id))
      throw new ConfigError('detection', [
        `${key}[${index}]: no detector \`${id}\`; did you mean \`${closest(id, known)}\`?`,
      ])
}

export interface JudgeContext {
  readonly engine: Engine
  readonly baselineOf: (tenant: string, role: string) => Baseline | undefined
  /** what history vouches for, by tenant */
  readonly fleetSnapshots?: readonly FleetSnapshot[]
  /** where sessions are restored from; absent in a replay from the beginning */
  readonly store?: Pick<Store, 'history'> & Partial<Pick<Store, 'agentHours' | 'recentSessions'>>
  readonly restoreFailed?: (error: unknown, sessions: number) => void
  readonly rules?: () => Rules | undefined
}

export interface JudgeRoom {
  readonly judge: StreamJudge
  readonly fleets: Fleets
  readonly liveSessions: () => number
}

export function openJudge(config: Config, context: JudgeContext): JudgeRoom {
  const { engine, baselineOf, fleetSnapshots = [], store, restoreFailed, rules } = context
  const options = sessionOptions(config)
  const sessions = new Sessions(options)
  const { registeredServers } = config.detection
  const fleets = new Fleets(registeredServers === undefined ? {} : { registeredServers })
  for (const snapshot of fleetSnapshots) fleets.absorb(snapshot)
  const policy = planPolicy(config)
  const judge = new StreamJudge({
    sessions,
    fleets,
    engine,
    baselineOf,
    emptyBaseline,
    weights: weightsOf(config),
    plan: (request) => plan(request, policy),
    ...(store && pastOf(store, options.idleMs)),
    ...(restoreFailed && { restoreFailed }),
    ...(rules && { rules }),
  })
  return { judge, fleets, liveSessions: () => sessions.size }
}

/** A session may have gone on for longer than it is ever silent; what it showed before that day weighs next to nothing. */
const LOOK_BACK_MS = 24 * 3_600_000
/** Beyond it every unknown session is looked up instead. */
const MAX_NAMED = 1_000_000

/** How long a store that failed is left alone, while sessions that are not known are judged as new ones. */
const REST_MS = 10_000

function pastOf(store: NonNullable<JudgeContext['store']>, idleMs: number): Past {
  const patience = new Patience(REST_MS, Date.now)
  return {
    history: (bounds) => patience.ask(() => store.history(bounds, Math.max(idleMs, LOOK_BACK_MS))),
    agentHours: async (bounds) => (await patience.ask(async () => store.agentHours?.(bounds))) ?? new Map(),
    recentSessions: (sinceMs) => patience.ask(async () => store.recentSessions?.(sinceMs, MAX_NAMED)),
  }
}

/** The built-in weights, and the operator's where they differ. */
function weightsOf({ detection }: Config): Weights {
  return { ...WEIGHTS, detectors: { ...WEIGHTS.detectors, ...detection.weights } }
}

/** Finds tails and threshold as the learn job asks: the same engine, weights and session options as when judging. */
export function calibrator(
  config: Config,
  engine: Engine,
): (heldOut: readonly HeldOut[], budgets: Budgets) => Calibration {
  const options = sessionOptions(config)
  return (heldOut, budgets) => calibrate(rehearse(engine, heldOut, options), weightsOf(config), budgets)
}

/** Describes calls as the learn job asks, with the session options in force; undefined where no detector needs it. */
export function callDescriber(
  config: Config,
  engine: Engine,
): ((baseline: Baseline, sessions: HeldOut['sessions']) => readonly number[][]) | undefined {
  if (!engine.detectors.some(({ model }) => model === 'combination')) return undefined
  const options = sessionOptions(config)
  return (baseline, sessions) => describeCalls({ baseline, sessions }, options)
}

function sessionOptions({
  limits,
  detection,
}: Config): Pick<SessionOptions, 'maxSessions' | 'idleMs' | 'readOnlyTools' | 'sideEffectTools'> {
  return {
    maxSessions: limits.maxSessions,
    idleMs: limits.sessionIdleMinutes * 60_000,
    readOnlyTools: detection.readOnlyTools,
    sideEffectTools: detection.sideEffectTools,
  }
}

function planPolicy({ detection, containment }: Config): PlanPolicy {
  const leaseMs = Object.fromEntries(
    LEVELS.map((level) => [
      level,
      (level === 'quarantine_tool' ? containment.quarantineMinutes : containment.leaseMinutes) * 60_000,
    ]),
  ) as Record<Level, number>
  return {
    mode: detection.mode,
    leaseMs,
    allowed: new Set(containment.levels),
    rules: containment.policy.map(policyRule),
    protected: {
      roles: new Set(containment.protectedRoles),
      agents: new Set(containment.protectedAgents),
      tools: new Set(containment.protectedTools),
    },
  }
}

function policyRule(rule: Config['containment']['policy'][number]): PolicyRule {
  const { roles, tools, severities, atLeast, atMost, approval, leaseMinutes } = rule
  return {
    approval,
    ...(roles && { roles: new Set(roles) }),
    ...(tools && { tools: new Set(tools) }),
    ...(severities && { severities: new Set(severities) }),
    ...(atLeast && { atLeast }),
    ...(atMost && { atMost }),
    ...(leaseMinutes !== undefined && { leaseMs: leaseMinutes * 60_000 }),
  }
}
