import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Checkpoint, verifyChain } from './chain.ts'
import { auditKeys, chainsIn, checkpointsOf, linesOf } from './files.ts'
import { AuditLog } from './log.ts'

describe('audit record', () => {
  let folder: string
  let path: string
  let kept: Checkpoint[]
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'belay-audit-'))
    path = join(folder, 'belay-7300.ndjson')
    kept = []
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const open = () => new AuditLog({ folder, chain: 'belay-7300', now: Date.now, checkpointed: (one) => kept.push(one) })
  const write = (count: number) => {
    const log = open()
    for (let at = 0; at < count; at++)
      log.add({ tenant: 'default', kind: 'request', actor: 'ada', subject: `c-${at}`, detail: { method: 'POST' } })
    log.close()
  }
  const problems = (checkpoints = checkpointsOf(folder, 'belay-7300')) =>
    verifyChain(linesOf(path), checkpoints, auditKeys(folder)).problems
  const edit = (change: (lines: string[]) => void) => {
    const lines = [...linesOf(path)]
    change(lines)
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  }

  it('is whole over starts, with a checkpoint each hundred records and at the end', () => {
    write(250)
    write(3)
    expect(chainsIn(folder)).toEqual(['belay-7300'])
    expect(linesOf(path)).toHaveLength(250 + 3 + 2)
    expect(kept.map(({ count }) => count)).toEqual([100, 200, 251, 255])
    expect(problems()).toEqual([])
  })

  it.each<[string, (lines: string[]) => void, RegExp]>([
    ['changed', (lines) => lines.splice(4, 1, lines[4]?.replace('c-3', 'c-9') ?? ''), /record 5 was changed/],
    ['removed', (lines) => lines.splice(4, 1), /record 6 does not follow/],
    ['reordered', (lines) => lines.splice(4, 2, lines[5] ?? '', lines[4] ?? ''), /record 6 does not follow/],
    ['doubled', (lines) => lines.splice(4, 0, lines[4] ?? ''), /record 5 does not follow/],
    ['cut off at the end', (lines) => lines.splice(8), /counts 11 records, there are 8: the end was cut off/],
    ['cut off at the beginning', (lines) => lines.splice(0, 2), /record 3 does not follow/],
  ])('shows a record that was %s', (_what, damage, expected) => {
    write(10)
    expect(problems()).toEqual([])
    edit(damage)
    expect(problems().join('\n')).toMatch(expected)
  })

  it('shows an end that was cut off together with its checkpoint only by one that is kept elsewhere', () => {
    write(10)
    const elsewhere = [...kept]
    edit((lines) => lines.splice(8))
    expect(problems([])).toEqual([])
    expect(problems(elsewhere).join()).toContain('the end was cut off')
  })

  it('shows a chain that was written anew with the key, and a checkpoint of another key', () => {
    write(10)
    const elsewhere = [...kept]
    writeFileSync(path, '')
    write(12)
    expect(problems(elsewhere).join()).toContain('the chain was written anew')
    const [one] = elsewhere
    if (one === undefined) throw new Error('unreachable')
    expect(problems([{ ...one, count: 1 }]).join()).toContain('not signed with this key')
  })

  it('takes off a line that a crash cut short, and says so', () => {
    write(3)
    appendFileSync(path, '{"n":5,"at":"20')
    write(1)
    expect(problems()).toEqual([])
    expect(readFileSync(path, 'utf8')).toContain('"torn":true')
  })

  it('exports each record once, again after a failure', async () => {
    const log = open()
    log.add({ tenant: 'default', kind: 'request', actor: 'ada', subject: 'x', detail: {} })
    await expect(log.export(() => Promise.reject(new Error('away')))).rejects.toThrow('away')
    const exported: number[] = []
    const take = async (records: readonly { readonly n: number }[]) => {
      exported.push(...records.map(({ n }) => n))
    }
    await log.export(take)
    await log.export(take)
    expect(exported).toEqual([1, 2])
    log.close()
  })
})
