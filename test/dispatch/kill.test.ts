import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/dispatch/clock.ts'
import { DispatchDatabase } from '../../src/dispatch/database.ts'
import { SqlitePosture } from '../../src/dispatch/posture/sqlite.ts'
import { Outbox } from '../../src/dispatch/queue/outbox.ts'
import { order } from '../../src/testing/orders.ts'

const ROUNDS = 6
const GROUPS_BEFORE_KILL = [1, 3, 10, 25, 40, 70]
const CHILD = join(import.meta.dirname, 'kill-child.ts')

/**
 * Goal: what was said to be durable is there after kill -9. Method: a child places orders and prints what is durable;
 * it is killed in the middle of its work, on the same file again and again; then everything it printed is looked up.
 */
it('loses no order and no release to kill -9', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belay-kill-'))
  const durable: string[] = []
  for (let round = 0; round < ROUNDS; round++) durable.push(...(await killedRun(dir, round)))
  const db = new DispatchDatabase(join(dir, 'dispatch.db'))
  const posture = new SqlitePosture(db, Date.now())
  const queue = new Outbox(db, systemClock, { concurrencyPerGateway: 32, onError: () => undefined })
  const states = await Promise.all(durable.map(async (id) => [id, (await posture.get(id))?.state] as const))
  const wrong = states.filter(([id, state]) => (isFreed(id) ? state !== 'released' : !isHeld(state)))
  expect(wrong).toEqual([])
  // Every job is known: putting it again runs nothing but what had not been done.
  const open = (await queue.depth()).waiting
  await queue.put(
    durable.map((id) => ({ order: { ...order(), id }, change: 'apply' as const, revision: 1, gateway: 'gw' })),
  )
  expect((await queue.depth()).waiting).toBe(open)
  expect(durable.length).toBeGreaterThan(20 * ROUNDS)
  db.close()
  rmSync(dir, { recursive: true, force: true })
}, 60_000)

function isFreed(id: string): boolean {
  return Number(id.split('-').at(-1)) % 3 === 0
}

function isHeld(state: string | undefined): boolean {
  return state === 'requested' || state === 'acknowledged'
}

async function killedRun(dir: string, round: number): Promise<readonly string[]> {
  const node = ['--import', 'tsx', '--conditions=source', CHILD, dir, `round${round}`]
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] })
  const durable: string[] = []
  let groups = 0
  for await (const line of createInterface({ input: child.stdout })) {
    durable.push(...line.split(' '))
    if (++groups === GROUPS_BEFORE_KILL[round]) child.kill('SIGKILL')
  }
  return durable
}
