import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { baselineFolder } from '../../src/run/parts/keys.ts'
import { RunningBelay, run } from '../run/belay.ts'
import { type Pep, SECRET } from './pep.ts'
import { writeHistory } from './stream.ts'

/** A data folder and a configuration, under which processes come and go. */
export class Rig {
  readonly data: string
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    this.data = join(folder, 'data')
  }

  /** Teaches the roles of the fixture world with `belay learn`, for traffic of about this time. */
  async learn(aroundMs: number): Promise<void> {
    const history = join(this.folder, 'history.ndjson')
    writeHistory(history, aroundMs)
    const learnt = await run(['learn', '--events', history, '--baseline', baselineFolder(this.data)])
    if (learnt.code !== 0) throw new Error(learnt.err)
  }

  /** Writes a configuration with the PEP as its gateway. Resolves with its path. */
  configure(name: string, pep: Pep, parts: object): string {
    const path = join(this.folder, `${name}.yaml`)
    const gateways = [{ name: 'pep', url: pep.url, secrets: [{ env: 'GW_SECRET' }], allowPrivate: true }]
    // The learn job runs all the time and finds nothing settled: what it would teach depends on when it runs.
    const baselines = { settleMinutes: 1440, learnEveryMinutes: 1 }
    writeFileSync(path, stringify({ ...parts, baselines, containment: { gateways } }))
    return path
  }

  start(config: string): Promise<RunningBelay> {
    return RunningBelay.start(['--config', config, '--data', this.data], { GW_SECRET: SECRET })
  }
}

/** The sum of a counter's values with these labels, by the process's own count. */
export async function metric(belay: RunningBelay, name: string, labels = ''): Promise<number> {
  const { body } = await belay.get('/metrics')
  const values = body.split('\n').flatMap((line) => {
    const [, found = '', value] = /^(\w+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? []
    return found.startsWith(name) && found.includes(labels) ? [Number(value)] : []
  })
  return values.reduce((sum, value) => sum + value, 0)
}
