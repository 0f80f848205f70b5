import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import type { Lease } from '../../src/model/index.ts'
import { APPLIED, Room, ScriptedGateway } from './room.ts'

/** More rounds by `BELAY_KILL_ROUNDS=200`; each is a process of its own. */
const ROUNDS = Number(process.env.BELAY_KILL_ROUNDS ?? 8)
const SEED = Number(process.env.BELAY_KILL_SEED ?? 1)
const CHILD = join(import.meta.dirname, 'transition-kill-child.ts')
const STEPS = ['place', 'approve', 'renew', 'in_effect', 'ineffective', 'release', 'told'] as const

interface Seen {
  /** steps that were said to be done, by containment */
  readonly done: Map<string, string[]>
  /** what the PEP was told, by containment */
  readonly told: Map<string, string[]>
  killedAt: string
}

/**
 * Goal: kill -9 in the middle of any transition loses no lease, applies no released one again and leaves none without
 * an end. Method: a child takes containments through their whole life on one file; each round it is killed while a step
 * chosen by the seed is under way, and the next one goes on; at last everything that was said to be done is looked up.
 */
it(
  `holds over ${ROUNDS} kills at every transition (seed ${SEED})`,
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'belay-transitions-'))
    const seen: Seen = { done: new Map(), told: new Map(), killedAt: '' }
    const random = seeded(SEED)
    const killed = new Map<string, number>()
    for (let round = 0; round < ROUNDS; round++) {
      const step = STEPS[round % STEPS.length] ?? 'place'
      await killedRun(dir, `r${round}`, step, 1 + Math.floor(random() * 6), random() < 0.5, seen)
      killed.set(step, (killed.get(step) ?? 0) + 1)
    }
    const gateway = new ScriptedGateway('gw', APPLIED)
    const room = new Room([{ gateway }], { dir })
    await room.desk.reconcile()
    await room.approvals.sweep()
    const releases: string[] = []
    const lost: string[] = []
    const wrong: string[] = []
    for (const [id, steps] of seen.done) {
      const lease = await room.posture.get(id)
      if (lease === undefined) lost.push(id)
      else if (!isRight(lease, steps)) wrong.push(`${id}: ${steps.join()} but ${lease.state} ${lease.revision}`)
      if (steps.includes('release')) releases.push(id)
      // A revision that the PEP was told of after the release would have contained it again.
      const told = seen.told.get(id) ?? []
      const after = told.slice(told.findIndex((one) => one.startsWith('release')) + 1)
      if (told.some((one) => one.startsWith('release')) && after.some((one) => one.startsWith('apply')))
        wrong.push(`${id}: told ${told.join()}`)
    }
    expect({ lost, wrong }).toEqual({ lost: [], wrong: [] })
    expect(releases.length).toBeGreaterThan(0)
    for (const id of releases) {
      const session = id.slice(2)
      const query = { tenant: 'default', session, agent: 'bot' }
      const standing = (await room.posture.decide(query, Date.now())).containmentId
      expect(standing === undefined || standing !== id).toBe(true)
    }
    const active = await room.posture.active('default', Date.now())
    expect(active.every(({ order }) => order.expiresMs > Date.now() && Number.isFinite(order.expiresMs))).toBe(true)
    await room.stop()
    rmSync(dir, { recursive: true, force: true })
    console.log(`${seen.done.size} containments, ${ROUNDS} kills: ${JSON.stringify(Object.fromEntries(killed))}`)
  },
  60_000 + ROUNDS * 5_000,
)

/** Everything that was said to be done is there; what was under way may be. */
function isRight({ state, revision, requestedMs }: Lease, steps: readonly string[]): boolean {
  if (steps.includes('release')) return state === 'released'
  if (steps.includes('ineffective')) return state === 'ineffective' || state === 'released'
  if (steps.includes('renew') && revision < 2) return false
  return !steps.includes('approve') || (state !== 'awaiting_approval' && requestedMs !== undefined)
}

/** Kills the child when it begins `step` for the `nth` time: at once, or when its next line shows that it went on. */
async function killedRun(
  dir: string,
  round: string,
  step: string,
  nth: number,
  later: boolean,
  seen: Seen,
): Promise<void> {
  const node = ['--import', 'tsx', '--conditions=source', CHILD, dir, round]
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] })
  let count = 0
  let armed = false
  for await (const line of createInterface({ input: child.stdout })) {
    const [what = '', id = '', detail = ''] = line.split(' ')
    if (what === 'done') seen.done.set(id, [...(seen.done.get(id) ?? []), detail])
    if (what === 'told') seen.told.set(id, [...(seen.told.get(id) ?? []), detail])
    if (armed) child.kill('SIGKILL')
    const isIt = step === 'told' ? what === 'told' : what === 'begin' && detail === step
    if (!isIt || ++count < nth) continue
    if (later) armed = true
    else child.kill('SIGKILL')
  }
}

/** mulberry32: a small generator that gives the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
