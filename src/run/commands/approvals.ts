import { Command } from 'commander'
import type { WireApproval } from '../../dispatch/wire.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { printable } from '../table.ts'

interface ListOptions extends InstanceOptions {
  readonly json?: boolean
}

interface AnswerOptions extends ListOptions {
  readonly reason: string
}

export function approvalsCommand(io: Io): Command {
  return onInstance(new Command('approvals'))
    .description('shows what waits for a person: one card per situation, typical against actual')
    .option('--json', 'JSON instead of text')
    .action((options: ListOptions) => list(io, options))
}

/** `belay approve` and `belay deny`. */
export function answerCommand(io: Io, verdict: 'approve' | 'deny'): Command {
  const what = verdict === 'approve' ? 'lets one call pass, or one containment be delivered' : 'refuses it'
  return onInstance(new Command(verdict))
    .argument('<id>', 'approval id, as `belay approvals` shows it')
    .description(`${what}; by whom is told by the token`)
    .requiredOption('--reason <text>', 'why; kept in the history')
    .option('--json', 'JSON instead of text')
    .action((id: string, options: AnswerOptions) => answer(io, verdict, id, options))
}

async function list(io: Io, options: ListOptions): Promise<void> {
  const found = (await createClient(options).get('/v1/approvals')) as { readonly approvals: readonly WireApproval[] }
  if (options.json === true) return io.out(JSON.stringify(found))
  io.out(found.approvals.length === 0 ? 'nothing waits for a person' : found.approvals.map(cardOf).join('\n\n'))
}

async function answer(io: Io, verdict: 'approve' | 'deny', id: string, options: AnswerOptions): Promise<void> {
  const path = `/v1/approvals/${encodeURIComponent(id)}/${verdict}`
  const approval = (await createClient(options).post(path, { reason: options.reason })) as WireApproval
  if (options.json === true) return io.out(JSON.stringify(approval))
  const missing = approval.needed - approval.votes.filter((vote) => vote.verdict === 'approve').length
  const waits = approval.state === 'pending' ? `, ${missing} more must approve` : ''
  io.out(`${approval.approval_id}: ${approval.state}${waits}`)
}

function cardOf(card: WireApproval): string {
  const { call, target } = card
  const lines = [
    `${card.approval_id}  ${card.severity}  until ${card.expires_at}`,
    `  ${printable(card.title)}`,
    `  ${card.action} of ${target.kind} ${printable(target.id)}, containment ${card.containment_id}, risk ${card.score.toFixed(2)}`,
    ...(call === undefined
      ? []
      : [`  session ${printable(call.session)}, arguments ${printable(call.args ?? call.args_sha256)}`]),
    ...card.reasons.map(
      ({ what, typical, actual }) => `  ${printable(what)}: typical ${printable(typical)}, actual ${printable(actual)}`,
    ),
    ...card.votes.map(({ by, verdict, reason }) => `  ${verdict} by ${printable(by)}: ${printable(reason)}`),
  ]
  return lines.join('\n')
}
