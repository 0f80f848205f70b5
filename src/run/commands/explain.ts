import { Command } from 'commander'
import type { CheckedNumber, Explanation } from '../../web/explain.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { printable } from '../table.ts'

interface Options extends InstanceOptions {
  readonly source?: string
  readonly json?: boolean
}

export function explainCommand(io: Io): Command {
  return onInstance(new Command('explain'))
    .argument('<event>', 'id of the event')
    .description('why an event was scored as it was, and for each number the SQL that counts it again')
    .option('--source <pep>', 'which PEP sent it; needed when several use the id')
    .option('--json', 'JSON instead of text')
    .addHelpText('after', EXAMPLES)
    .action((event: string, options: Options) => explain(io, event, options))
}

const EXAMPLES = `
Examples:
  belay explain run-77-4-req            signals, observed and expected, the baseline, the queries
  belay explain run-77-4-req --json`

async function explain(io: Io, event: string, { source, json, ...instance }: Options): Promise<void> {
  const path = `/v1/events/${encodeURIComponent(event)}/explanation`
  const answer = (await createClient(instance).get(path, { source })) as Explanation
  io.out(json === true ? JSON.stringify(answer) : [...linesOf(answer)].join('\n'))
}

function* linesOf({ event, baseline, observed, signals }: Explanation): Generator<string> {
  yield `${printable(event.event_id)}  ${event.time}  ${printable(event.token)}`
  yield `session ${printable(event.session)} of ${printable(event.agent)} (role ${printable(event.role)})`
  yield `score ${event.score.toFixed(2)} nats, risk ${event.risk.toFixed(3)}, ${event.action}`
  yield baseline === undefined
    ? 'no baseline: the role had none'
    : `baseline ${baseline.version} (${baseline.state}): ${baseline.sessions} sessions of ${baseline.agents} agents on ${baseline.days} days, ${baseline.from_day} to ${baseline.to_day}`
  yield* numberLines(observed)
  if (signals.length === 0) yield '\nno signal: nothing about the event was unusual'
  for (const { id, strength, tail, evidence, reasons, numbers } of signals) {
    yield `\n${id}: strength ${strength.toFixed(2)} nats, one clean event in ${Math.round(1 / tail)} is as strong, ${evidence.toFixed(2)} nats of evidence`
    for (const { what, observed: seen, expected } of reasons)
      yield `  ${printable(what)}\n    observed ${printable(seen)}\n    expected ${printable(expected)}`
    for (const number of numbers) yield* numberLines(number)
  }
}

function* numberLines({ what, sql, rows }: CheckedNumber): Generator<string> {
  yield `  -- ${what}`
  yield sql.replace(/^/gm, '  ')
  for (const row of rows) yield `  => ${printable(JSON.stringify(row))}`
}
