import { Command, Option } from 'commander'
import { DISPOSITIONS } from '../../model/index.ts'
import type { StoredFinding } from '../../store/findings.ts'
import type { Exception, FindingDetail } from '../../web/findings.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { count } from '../options.ts'
import { printable, table } from '../table.ts'

interface JsonOption extends InstanceOptions {
  readonly json?: boolean
}

interface ListOptions extends JsonOption {
  readonly status?: string
  readonly severity?: string
  readonly role?: string
  readonly agent?: string
  readonly session?: string
  readonly cause?: string
  readonly limit: number
}

interface CloseOptions extends JsonOption {
  readonly as: string
  readonly reason: string
  readonly of?: string
}

interface AnswerOptions extends JsonOption {
  readonly reason: string
}

export function findingsCommand(io: Io): Command {
  return new Command('findings')
    .description('shows alerts, closes them, and answers the exceptions that false positives propose')
    .addCommand(listCommand(io), { isDefault: true })
    .addCommand(showCommand(io))
    .addCommand(closeCommand(io))
    .addCommand(exceptionsCommand(io))
    .addCommand(answerCommand(io, 'accept'))
    .addCommand(answerCommand(io, 'decline'))
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  belay findings                                              what is open
  belay findings show 4f0c...                                 one finding: why, what was done, its history
  belay findings close 4f0c... --as benign --reason "asked the owner"
  belay findings close 4f0c... --as false_positive --reason "nightly export"
  belay findings exceptions                                   what false positives propose, with the measured effect
  belay findings accept 4f0c... --reason "no true positive is lost"`

function listCommand(io: Io): Command {
  return onInstance(new Command('list'))
    .description('the latest findings, newest first')
    .addOption(new Option('--status <status>', 'only these').choices(['open', 'closed', 'all']).default('open'))
    .addOption(new Option('--severity <severity>', 'only these').choices(['low', 'medium', 'high', 'critical']))
    .option('--role <role>', 'only of this role')
    .option('--agent <id>', 'only of this agent')
    .option('--session <id>', 'only of this session')
    .option('--cause <id>', 'only of this detector or rule')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--json', 'JSON instead of a table')
    .action((options: ListOptions) => list(io, options))
}

function showCommand(io: Io): Command {
  return onInstance(new Command('show'))
    .argument('<finding>', 'id of the finding')
    .description('one finding: reasons, what they lean on, runbook, containment, history')
    .option('--json', 'JSON instead of text')
    .action((id: string, options: JsonOption) => show(io, id, options))
}

function closeCommand(io: Io): Command {
  return onInstance(new Command('close'))
    .argument('<finding>', 'id of the finding')
    .description('says what it was; by whom is told by the token. A false positive proposes an exception')
    .addOption(new Option('--as <disposition>', 'what it was').choices(DISPOSITIONS).makeOptionMandatory())
    .requiredOption('--reason <text>', 'why; kept in the history and in the audit record')
    .option('--of <finding>', 'which finding it repeats; of a duplicate')
    .option('--json', 'JSON instead of text')
    .action((id: string, options: CloseOptions) => close(io, id, options))
}

function exceptionsCommand(io: Io): Command {
  return onInstance(new Command('exceptions'))
    .description('exceptions that false positives proposed, with what each would have changed in the last 30 days')
    .option('--json', 'JSON instead of text')
    .action((options: JsonOption) => exceptions(io, options))
}

function answerCommand(io: Io, verdict: 'accept' | 'decline'): Command {
  const what = verdict === 'accept' ? 'puts a measured exception in force' : 'drops an exception, or ends a filter'
  return onInstance(new Command(verdict))
    .argument('<exception>', 'id of the exception, that of its finding')
    .description(what)
    .requiredOption('--reason <text>', 'why; kept in the history and in the audit record')
    .option('--json', 'JSON instead of text')
    .action((id: string, options: AnswerOptions) => answer(io, verdict, id, options))
}

async function list(
  io: Io,
  { json, status, severity, role, agent, session, cause, limit, ...instance }: ListOptions,
): Promise<void> {
  const wanted = { severity, role, agent, session, cause, limit, status: status === 'all' ? undefined : status }
  const found = await createClient(instance).get('/v1/findings', wanted)
  if (json === true) return io.out(JSON.stringify(found))
  const { findings } = found as { readonly findings: readonly StoredFinding[] }
  io.out(
    table(
      findings,
      [
        { title: 'UPDATED', of: (row) => iso(row.latest.atMs) },
        { title: 'SEVERITY', of: (row) => row.severity },
        { title: 'FINDING', of: (row) => row.id },
        { title: 'TITLE', of: (row) => row.title },
        { title: 'AGENT', of: (row) => row.agent },
        { title: 'SESSION', of: (row) => row.session },
        { title: 'EVENTS', of: (row) => row.count },
        { title: 'CONTAINMENT', of: ({ containment: held }) => held && `${held.level} ${held.state}` },
        { title: 'DISPOSITION', of: (row) => row.disposition?.kind ?? row.status },
      ],
      'no finding',
    ),
  )
}

async function show(io: Io, id: string, { json, ...instance }: JsonOption): Promise<void> {
  const detail = (await createClient(instance).get(`/v1/findings/${encodeURIComponent(id)}`)) as FindingDetail
  io.out(json === true ? JSON.stringify(detail) : [...linesOf(detail)].join('\n'))
}

function* linesOf(finding: FindingDetail): Generator<string> {
  const { passport, containment, disposition } = finding
  yield `${finding.id}  ${finding.severity}  ${finding.status}`
  yield printable(finding.title)
  yield `session ${printable(finding.session)} of ${printable(finding.agent)} (role ${printable(finding.role)})`
  yield `cause ${printable(finding.cause)}, risk ${finding.risk.toFixed(2)}, ${finding.count} events since ${iso(finding.openedMs)}`
  for (const { what, observed, expected } of finding.reasons)
    yield `  ${printable(what)}\n    observed ${printable(observed)}\n    expected ${printable(expected)}`
  if (passport !== undefined)
    yield `baseline ${passport.version} (${passport.state}): ${passport.sessions} sessions of ${passport.agents} agents on ${passport.days} days`
  if (finding.ruleSet !== undefined) yield `rules ${finding.ruleSet}`
  if (finding.tags.length > 0) yield `tags ${finding.tags.map(printable).join(', ')}`
  if (containment !== undefined) yield `containment ${containment.id}: ${containment.level}, ${containment.state}`
  if (disposition !== undefined)
    yield `closed as ${disposition.kind} by ${printable(disposition.by)}: ${printable(disposition.reason)}`
  if (finding.eventId !== '') yield `event ${printable(finding.eventId)} (belay explain ${printable(finding.eventId)})`
  const { verdict, missing, late } = finding.completeness
  yield `events of the session: ${verdict}${missing > 0 ? `, ${missing} missing` : ''}${late > 0 ? `, ${late} late` : ''}`
  for (const [at, step] of finding.runbook.entries()) yield `${at === 0 ? '\n' : ''}  ${at + 1}. ${printable(step)}`
  yield ''
  for (const { time, what, detail, by } of finding.history)
    yield `${time}  ${what}  ${printable(detail)}${by === '' ? '' : `  (${printable(by)})`}`
}

async function close(io: Io, id: string, { as, reason, of, json, ...instance }: CloseOptions): Promise<void> {
  const body = { disposition: as, reason, ...(of !== undefined && { duplicate_of: of }) }
  const path = `/v1/findings/${encodeURIComponent(id)}/disposition`
  const answer = (await createClient(instance).post(path, body)) as {
    readonly finding: StoredFinding
    readonly exception?: Exception
  }
  if (json === true) return io.out(JSON.stringify(answer))
  io.out(`${answer.finding.id}: closed as ${as}`)
  if (answer.exception === undefined) return
  io.out('an exception is proposed; its effect on the last 30 days is being measured: belay findings exceptions')
}

async function exceptions(io: Io, { json, ...instance }: JsonOption): Promise<void> {
  const answer = (await createClient(instance).get('/v1/exceptions')) as { readonly exceptions: readonly Exception[] }
  if (json === true) return io.out(JSON.stringify(answer))
  io.out(answer.exceptions.length === 0 ? 'no exception was proposed' : answer.exceptions.map(cardOf).join('\n\n'))
}

function cardOf(exception: Exception): string {
  const { id, state, kind, cause, role, session, agent, effect, by, reason, filter } = exception
  const what =
    kind === 'filter'
      ? `filter of the rule ${cause}, until ${exception.expires}`
      : `baselines of ${role} learn from session ${session} of ${agent}`
  const lines = [
    `${id}  ${state}  ${printable(what)}`,
    `  by ${printable(by)}: ${printable(reason)}`,
    ...(effect === undefined ? [] : effectLines(effect)),
    ...filter
      .trimEnd()
      .split('\n')
      .map((line) => `  | ${printable(line)}`),
  ]
  return (filter === '' ? lines.slice(0, -1) : lines).join('\n')
}

function effectLines(effect: NonNullable<Exception['effect']>): readonly string[] {
  if ('error' in effect) return [`  not measured: ${printable(effect.error)}`]
  const { from, to, events, changes, without, lost_true_positives: lost } = effect
  return [
    `  ${events} events from ${from} to ${to}: findings ${without.findings} -> ${effect.with.findings}, sessions suspended ${without.suspended} -> ${effect.with.suspended}`,
    `  true positives that would be lost: ${lost}`,
    ...changes.map((one) => `  ${printable(one.role)} ${printable(one.cause)}: ${one.gained} gained, ${one.lost} lost`),
  ]
}

async function answer(
  io: Io,
  verdict: 'accept' | 'decline',
  id: string,
  { reason, json, ...instance }: AnswerOptions,
): Promise<void> {
  const path = `/v1/exceptions/${encodeURIComponent(id)}/${verdict}`
  const exception = (await createClient(instance).post(path, { reason })) as Exception
  io.out(json === true ? JSON.stringify(exception) : `${exception.id}: ${exception.state}`)
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}
