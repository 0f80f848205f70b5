import type { Ref } from '../../model/index.ts'

/** The stored event that is explained, as the queries need it. */
export interface ExplainedEvent {
  readonly tenant: string
  readonly agent: string
  readonly role: string
  readonly session: string
  readonly source: string
  readonly event_id: string
  /** Unix milliseconds */
  readonly time: number
  readonly server: string
  readonly tool: string
  readonly token: string
  readonly parameters: readonly string[]
  readonly refs: readonly Ref[]
}

/** The learnt window of the baseline that judged it. */
export interface LearntWindow {
  /** the role and, where it borrows, its parent */
  readonly roles: readonly string[]
  /** days, `2026-11-21`, both learnt */
  readonly fromDay: string
  readonly toDay: string
  readonly timeZone: string
}

/** One number of an explanation: what it counts and the ClickHouse query that counts it again, ready to be pasted. */
export interface ReproducedNumber {
  readonly what: string
  readonly sql: string
}

const UNIT = '\\x1f'

/** What reproduces the expectation behind a signal, by the detector that raised it; empty where it leans on nothing learnt. */
export function numbersOf(detector: string, event: ExplainedEvent, window: LearntWindow): readonly ReproducedNumber[] {
  return NUMBERS[detector]?.(event, window) ?? []
}

/** What the event itself shows: the observed side of every reason. */
export function observedOf(event: ExplainedEvent): ReproducedNumber {
  return {
    what: 'what the event states, and the hour of its agent',
    sql: `SELECT time, op, phase, status, bytes, records, duration_ms, cpu_pct, mem_mb, env_region, env_host, env_posture,
  agent_hour, agent_hour_calls, agent_hour_bytes, agent_hour_records, parameters
FROM events WHERE ${sameEvent(event)}`,
  }
}

type Numbers = (event: ExplainedEvent, window: LearntWindow) => readonly ReproducedNumber[]

const traits: Numbers = (event, window) => [
  {
    what: `calls of the tool (#) and what their arguments and results had`,
    sql: counts(
      window,
      event,
      'parameters',
      `key = ${text(event.tool)} AND subkey IN ${list(['#', ...event.parameters])}`,
    ),
  },
]

const volumes: Numbers = (event, window) => [
  {
    what: 'histogram of what the role took; bucket b holds values of about 2^((b - 0.5) / 4) - 1',
    sql: `SELECT key, toUInt32(subkey) AS bucket, round(exp2((bucket - 0.5) / 4) - 1) AS about, sum(events) AS events
FROM profile_days WHERE ${learnt(window, event, 'volume')}
  AND (key NOT LIKE 'call.%' OR key LIKE ${ofTool('call.%', event.tool)})
GROUP BY key, bucket ORDER BY key, bucket`,
  },
  {
    what: 'the session up to the event',
    sql: `SELECT countIf(first_of_call) AS calls, sum(bytes) AS bytes, sum(records) AS records,
  countIf(status NOT IN ('', 'ok', 'input_required')) AS errors, countIf(status = 'denied') AS denied
FROM events WHERE ${sameSession(event)} AND time <= ${instant(event.time)}`,
  },
]

const surroundings: Numbers = (event, window) => [
  {
    what: 'regions, countries, hosts and postures of the sessions of the role',
    sql: counts(window, event, 'surroundings', '1'),
  },
]

const destinations: Numbers = (event, window) => [
  {
    what: 'sessions that used the destination without the task naming it, and that took each kind from an order',
    sql: counts(
      window,
      event,
      'destinations',
      `(key IN ${list(fingerprints(event, 'args'))} OR key = concat('ordered${UNIT}', ${text(event.tool)}))`,
    ),
  },
]

const toolUse: Numbers = (event, window) => [
  {
    what: 'sessions of the role that used the tool, and that used it without the task asking for it',
    sql: counts(
      window,
      event,
      'tools',
      `key = ${text(event.server)} AND subkey IN (${text(event.tool)}, concat(${text(event.tool)}, '${UNIT}unasked'))`,
    ),
  },
]

const NUMBERS: Readonly<Record<string, Numbers>> = {
  'new-tool-for-role': toolUse,
  'task-tool-mismatch': toolUse,
  'unusual-sequence': (event, window) => [
    {
      what: 'what followed the step before, in how many sessions',
      sql: counts(
        window,
        event,
        'sequence',
        `key = (SELECT argMax(token, (time, position)) FROM events
    WHERE ${sameSession(event)} AND first_of_call AND time < ${instant(event.time)})`,
      ),
    },
  ],
  'unusual-volume': volumes,
  'volume-surge': volumes,
  'error-storm': volumes,
  'unusual-latency': (event, window) => [
    {
      what: 'histogram of how long the tool took, milliseconds',
      sql: `SELECT toUInt32(subkey) AS bucket, round(exp2((bucket - 0.5) / 4) - 1) AS about_ms, sum(events) AS events
FROM profile_days WHERE ${learnt(window, event, 'latency')} AND key = ${text(event.tool)}
GROUP BY bucket ORDER BY bucket`,
    },
    ...volumes(event, window),
  ],
  'off-hours': (event, window) => [
    {
      what: `sessions by hour of the week in ${window.timeZone}, this hour first`,
      sql: `WITH toDateTime(toUInt32(subkey) * 1800, ${text(window.timeZone)}) AS at,
  toDateTime(${Math.floor(event.time / 1_000)}, ${text(window.timeZone)}) AS now
SELECT toDayOfWeek(at) AS weekday, toHour(at) AS hour, sum(sessions) AS sessions
FROM profile_days WHERE ${learnt(window, event, 'hours')}
GROUP BY weekday, hour ORDER BY (weekday, hour) = (toDayOfWeek(now), toHour(now)) DESC, sessions DESC`,
    },
  ],
  'unusual-parameter': (event, window) => [
    {
      what: 'shapes of the arguments of the tool',
      sql: counts(window, event, 'parameters', `key = ${text(event.tool)} AND NOT startsWith(subkey, '!')`),
    },
  ],
  'injected-argument': traits,
  'risky-argument': traits,
  'cross-tool-exfiltration': traits,
  'credential-access': traits,
  'secret-exposure': traits,
  'new-destination': (event, window) => [
    {
      what: 'values of each kind that the tool reached: all, those of one session only, and those of this event',
      sql: `SELECT key, uniqExact(subkey) AS values, sum(sessions) AS uses, countIf(sessions = 1) AS once,
  sumIf(sessions, subkey IN ${list(fingerprints(event, 'args'))}) AS of_this
FROM (SELECT key, subkey, sum(sessions) AS sessions FROM profile_days
      WHERE ${learnt(window, event, 'reach')} AND startsWith(key, concat(${text(event.tool)}, '${UNIT}')) GROUP BY key, subkey)
GROUP BY key`,
    },
  ],
  'untrusted-destination': destinations,
  'explained-by-untrusted-text': (event, window) => [...destinations(event, window), ...toolUse(event, window)],
  'unusual-connection': (event, window) => [
    {
      what: 'hosts, countries and ports that the tools of the role connected to',
      sql: counts(window, event, 'destinations', `startsWith(key, 'egress${UNIT}')`),
    },
  ],
  'new-surroundings': surroundings,
  'host-posture': surroundings,
  'intent-mismatch': (event, window) => [
    {
      what: 'sessions whose task or intent asked for the same',
      sql: counts(window, event, 'intents', `subkey IN ${list(fingerprints(event, 'intent'))}`),
    },
  ],
  'slow-drip': (event, window) => [
    {
      what: 'what the agent took on each of its days, and the others of its role',
      sql: `SELECT splitByChar('${UNIT}', key)[1] AS measure, toUInt32(splitByChar('${UNIT}', subkey)[1]) AS day_number,
  round(exp2((sumIf(toUInt32(splitByChar('${UNIT}', subkey)[2]), endsWith(key, concat('${UNIT}', ${text(event.agent)}))) - 0.5) / 4) - 1) AS of_agent,
  round(exp2((medianIf(toUInt32(splitByChar('${UNIT}', subkey)[2]), NOT endsWith(key, concat('${UNIT}', ${text(event.agent)}))) - 0.5) / 4) - 1) AS of_others
FROM profile_days WHERE ${learnt(window, event, 'drip')}
GROUP BY measure, day_number ORDER BY measure, day_number`,
    },
  ],
}

function counts(window: LearntWindow, event: ExplainedEvent, profile: string, condition: string): string {
  return `SELECT key, subkey, sum(events) AS events, sum(sessions) AS sessions, max(agents) AS agents
FROM profile_days WHERE ${learnt(window, event, profile)}
  AND ${condition}
GROUP BY key, subkey ORDER BY sessions DESC`
}

function learnt({ roles, fromDay, toDay }: LearntWindow, { tenant }: ExplainedEvent, profile: string): string {
  return `tenant = ${text(tenant)} AND role IN ${list(roles)} AND profile = '${profile}'
  AND day BETWEEN ${text(fromDay)} AND ${text(toDay)}`
}

function sameEvent({ tenant, agent, session, source, event_id }: ExplainedEvent): string {
  return `tenant = ${text(tenant)} AND agent_id = ${text(agent)} AND session_id = ${text(session)} AND source = ${text(source)} AND event_id = ${text(event_id)}`
}

function sameSession({ tenant, agent, session }: ExplainedEvent): string {
  return `tenant = ${text(tenant)} AND agent_id = ${text(agent)} AND session_id = ${text(session)}`
}

function fingerprints({ refs }: ExplainedEvent, place: 'args' | 'intent'): readonly string[] {
  return refs.filter((ref) => ref.in === place).map((ref) => ref.fp)
}

function instant(atMs: number): string {
  return `fromUnixTimestamp64Milli(${Math.trunc(atMs)}, 'UTC')`
}

/** `call.%` and the unit separator and the tool, as a LIKE pattern. */
function ofTool(prefix: string, tool: string): string {
  return `concat('${prefix}', '${UNIT}', ${text(tool.replace(/[\\%_]/g, (c) => `\\${c}`))})`
}

function list(values: readonly string[]): string {
  return values.length === 0 ? `('')` : `(${values.map(text).join(', ')})`
}

/** A ClickHouse string literal; what an event holds is a stranger's. */
export function text(value: string): string {
  let literal = ''
  for (const c of value) {
    const code = c.charCodeAt(0)
    if (c === '\\' || c === "'") literal += `\\${c}`
    else literal += code < 32 ? `\\x${code.toString(16).padStart(2, '0')}` : c
  }
  return `'${literal}'`
}
