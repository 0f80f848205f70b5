import type { Command } from 'commander'
import type { Target, TargetKind } from '../model/index.ts'
import { CommandError, EXIT } from './io.ts'

/** Whom a command is about. */
export type TargetOptions = { readonly [kind in TargetKind]?: string }

export function onTarget(command: Command): Command {
  return command
    .option('--session <id>', 'this session (with --agent: of this agent only)')
    .option('--agent <id>', 'this agent, in all its sessions')
    .option('--user <id>', 'everything done for this user')
    .option('--tool <server/name>', 'this tool, for the whole fleet')
    .option('--server <id>', 'this server, for the whole fleet')
    .option('--role <name>', 'every agent of this role')
    .option('--tenant <name>', 'everything of this tenant')
}

/** The one target that the options name. Throws CommandError when they name none or several. */
export function targetOf({ session, agent, user, tool, server, role, tenant }: TargetOptions): Target {
  if (session !== undefined && [user, tool, server, role, tenant].every((other) => other === undefined))
    return { kind: 'session', id: session, ...(agent !== undefined && { agent }) }
  const named = { session, agent, user, tool, server, role, tenant }
  const [target, second] = KINDS.flatMap((kind) => (named[kind] === undefined ? [] : [{ kind, id: named[kind] }]))
  if (target === undefined || second !== undefined)
    throw new CommandError(`say one of ${KINDS.map((kind) => `--${kind}`).join(', ')}`, EXIT.misused)
  return target
}

const KINDS = ['session', 'agent', 'user', 'tool', 'server', 'role', 'tenant'] as const
