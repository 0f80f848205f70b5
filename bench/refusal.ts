import { createHash, randomBytes } from 'node:crypto'
import { startBelay } from './lib/belay.ts'
import { Child } from './lib/child.ts'
import { percentile, round } from './lib/meter.ts'
import type { AttackAnswer, Attacks } from './lib/refusal-child.ts'
import type { Benchmark, Figures } from './main.ts'

const LOAD = { sessions: 320, warmUp: 20 }

export const benchmark: Benchmark = {
  about:
    'the call that gives an attack away until the first refused call: MCP SDK client behind belay/pep, embedded, store on',
  async run(progress) {
    const token = randomBytes(16).toString('hex')
    const sha256 = createHash('sha256').update(token).digest('hex')
    const belay = await startBelay(progress, {
      tokens: [{ name: 'pep', sha256, tenant: 'acme', scopes: ['pep'] }],
      detection: { mode: 'enforce' },
      containment: { budget: { sessionsFloor: 10_000, agentsFloor: 10_000, toolsFloor: 10_000 } },
    })
    const child = new Child<AttackAnswer>(new URL('lib/refusal-child.ts', import.meta.url))
    const play = async (judgeFirst: boolean): Promise<Figures> => {
      progress(
        `${LOAD.sessions} hijacked sessions, ${judgeFirst ? 'each call judged first' : 'events beside the calls'}`,
      )
      const task: Attacks = { url: belay.instance.url, token, judgeFirst, ...LOAD }
      return figures(await child.run(task))
    }
    try {
      const beside = await play(false)
      const judgedFirst = await play(true)
      return {
        work: `${LOAD.sessions} sessions each way, one after the other, a call every 10 ms`,
        ...beside,
        judged_first: judgedFirst,
      }
    } finally {
      await child.end()
      await belay.end()
    }
  },
}

function figures({ toRefusal, ranAfter, neverRefused, harmless }: AttackAnswer): Figures {
  return {
    n: toRefusal.length,
    never_refused: neverRefused,
    p50_ms: round(percentile(toRefusal, 0.5), 1),
    p99_ms: round(percentile(toRefusal, 0.99), 1),
    calls_run_from_the_attack_on_p50: percentile(ranAfter, 0.5),
    calls_run_from_the_attack_on_p99: percentile(ranAfter, 0.99),
    harmless_call_p50_ms: round(percentile(harmless, 0.5), 2),
    harmless_call_p99_ms: round(percentile(harmless, 0.99), 2),
  }
}
