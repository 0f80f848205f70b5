import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { Checkpoint } from '../audit/chain.ts'
import { CommandError, type Io } from '../io.ts'

interface Options {
  readonly config?: string
  readonly data?: string
  readonly checkpoint?: string
  readonly json?: boolean
}

export function auditCommand(io: Io): Command {
  const verify = new Command('verify')
    .description('finds audit records that were changed, removed, reordered or cut off')
    .option('--config <file>', 'configuration (YAML)')
    .option('--data <dir>', 'folder for everything embedded (default: .belay)')
    .option(
      '--checkpoint <file>',
      'checkpoints that were kept elsewhere, one JSON per line: they show a record that was cut off together with its own',
    )
    .option('--json', 'JSON instead of text')
    .action((options: Options) => verifyAudit(io, options))
  return new Command('audit').description('the record of decisions and actions').addCommand(verify)
}

async function verifyAudit(io: Io, { json, checkpoint, ...overrides }: Options): Promise<void> {
  const { loadOverridden } = await import('../up.ts')
  const { auditFolder, auditKeys, chainsIn, checkpointsOf, linesOf, RECORDS } = await import('../audit/files.ts')
  const { verifyChain } = await import('../audit/chain.ts')
  const folder = auditFolder(loadOverridden(overrides, io.env).config.data)
  const chains = chainsIn(folder)
  if (chains.length === 0) throw new CommandError(`there is no audit record in ${folder}`)
  const keys = auditKeys(folder)
  const elsewhere = checkpoint === undefined ? [] : keptElsewhere(checkpoint)
  const results = chains.map((chain) => {
    const checkpoints = [...checkpointsOf(folder, chain), ...elsewhere.filter((one) => one.chain === chain)]
    return { chain, ...verifyChain(linesOf(join(folder, `${chain}${RECORDS}`)), checkpoints, keys) }
  })
  const lost = elsewhere.filter(({ chain }) => !chains.includes(chain)).map(({ chain }) => chain)
  if (json === true) io.out(JSON.stringify({ chains: results, missing: [...new Set(lost)] }))
  else {
    for (const { chain, records, problems } of results) {
      io.out(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${chain}: ${records} records`)
      for (const problem of problems) io.out(`     ${problem}`)
    }
    for (const chain of new Set(lost)) io.out(`FAIL ${chain}: the whole record is gone`)
  }
  if (lost.length > 0 || results.some(({ problems }) => problems.length > 0))
    throw new CommandError('the audit record is not whole')
}

function keptElsewhere(path: string): readonly Checkpoint[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Checkpoint)
}
