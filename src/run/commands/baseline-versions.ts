import { existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { type BaselineDiff, diffSnapshots } from '../../baseline/diff.ts'
import type { Snapshot } from '../../baseline/snapshot.ts'
import type { BaselineVersion } from '../../web/baseline-versions.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import { CommandError, type Io } from '../io.ts'
import { printable, table } from '../table.ts'

interface Options extends InstanceOptions {
  readonly json?: boolean
  readonly reason: string
}

/** `belay baselines versions | diff | rollback | resume`. */
export function baselineVersionCommands(io: Io): readonly Command[] {
  const versions = onInstance(new Command('versions'))
    .argument('<role>', 'role it was learnt for')
    .description('the versions of a baseline that were published, newest first')
    .option('--json', 'JSON instead of a table')
    .action((role: string, options: Options) => listVersions(io, role, options))
  const diff = onInstance(new Command('diff'))
    .argument('<before>', 'version, or file that `belay learn` made')
    .argument('<after>', 'version, or file')
    .description('what changed from one version of a baseline to another')
    .option('--json', 'JSON instead of text')
    .action((before: string, after: string, options: Options) => diffVersions(io, before, after, options))
  const rollback = onInstance(new Command('rollback'))
    .argument('<role>', 'role whose baseline goes back')
    .argument('<version>', 'version that is in force again, until `belay baselines resume`')
    .description('goes back to an earlier version and keeps it in force')
    .requiredOption('--reason <text>', 'why; kept in the history')
    .action((role: string, version: string, options: Options) => goBack(io, role, version, options))
  const resume = onInstance(new Command('resume'))
    .argument('<role>', 'role whose baseline may change again')
    .description('lets what is learnt take the place of a version that was kept')
    .requiredOption('--reason <text>', 'why; kept in the history')
    .action((role: string, options: Options) => letGo(io, role, options))
  return [versions, diff, rollback, resume]
}

async function listVersions(io: Io, role: string, { json, ...instance }: Options): Promise<void> {
  const answer = await createClient(instance).get(`/v1/baselines/${encodeURIComponent(role)}/versions`)
  if (json === true) return io.out(JSON.stringify(answer))
  const { versions } = answer as { readonly versions: readonly BaselineVersion[] }
  io.out(
    table(
      versions,
      [
        { title: 'VERSION', of: (row) => row.version },
        { title: 'CREATED', of: (row) => row.created },
        { title: 'STATE', of: (row) => row.state },
        { title: 'SESSIONS', of: (row) => row.sessions },
        { title: 'AGENTS', of: (row) => row.agents },
        { title: 'DAYS', of: (row) => row.days },
        { title: '', of: (row) => (row.pinned ? 'kept in force' : row.current ? 'in force' : '') },
      ],
      'nothing was learnt for this role',
    ),
  )
}

async function diffVersions(io: Io, before: string, after: string, { json, ...instance }: Options): Promise<void> {
  const [one, other] = [snapshotIn(before), snapshotIn(after)]
  const diff =
    one !== undefined && other !== undefined
      ? diffSnapshots(one, other)
      : ((await createClient(instance).get('/v1/baseline-diff', { before, after })) as BaselineDiff)
  io.out(json === true ? JSON.stringify(diff) : [...linesOf(diff)].join('\n'))
}

/** Undefined where no such file is there: then it names a version. */
function snapshotIn(path: string): Snapshot | undefined {
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Snapshot
  } catch (cause) {
    throw new CommandError(`${path} is no baseline; name a file that \`belay learn\` made`, undefined, { cause })
  }
}

function* linesOf({ role, head, profiles }: BaselineDiff): Generator<string> {
  yield `role ${printable(role)}`
  for (const { what, before, after } of head) if (before !== after) yield `  ${what}: ${before} -> ${after}`
  for (const { profile, divergence, added, removed, changes } of profiles) {
    if (changes.length === 0) continue
    yield `${profile}: divergence ${divergence.toFixed(3)} bits, ${added} new, ${removed} gone`
    for (const { key, subkey, before, after } of changes)
      yield `  ${printable(`${key} ${subkey}`)}: ${percent(before)} -> ${percent(after)} of sessions`
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

async function goBack(io: Io, role: string, version: string, { reason, ...instance }: Options): Promise<void> {
  await createClient(instance).post(`/v1/baselines/${encodeURIComponent(role)}/rollback`, { version, reason })
  io.out(`${printable(role)}: ${version} is kept in force until \`belay baselines resume\``)
}

async function letGo(io: Io, role: string, { reason, ...instance }: Options): Promise<void> {
  await createClient(instance).post(`/v1/baselines/${encodeURIComponent(role)}/resume`, { reason })
  io.out(`${printable(role)}: the next baseline that is learnt comes into force`)
}
