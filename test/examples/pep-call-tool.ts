import type { Pep } from 'belay/pep'

/** A gateway's call of a tool: decided, made, told of. */
export async function callTool(
  pep: Pep,
  name: string,
  args: Readonly<Record<string, unknown>>,
  run: (name: string, args: Readonly<Record<string, unknown>>) => Promise<string>,
): Promise<string> {
  const ruling = await pep.before({
    op: 'tools/call',
    agent: { id: 'invoice-bot-2', role: 'finance' },
    session: { id: 'run-77', kind: 'run' },
    server: { id: 'bank' },
    tool: { name },
    args,
  })
  if (ruling.kind === 'refused') return ruling.refusal.message
  try {
    const result = await run(name, args)
    ruling.done({ status: 'ok', bytes: Buffer.byteLength(result), sample: result })
    return result
  } catch (error) {
    ruling.done({ status: 'error' })
    throw error
  }
}
