/**
 * `npm run eval -- NAME --data DIR [--json] [--out DIR]`: how well Belay detects, on data that is not part of it. One
 * file per evaluation; the last line is one JSON object. With `--out`, plots are written there as SVG.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { plotOf, type RocSeries } from './lib/plot.ts'

/** Says where the evaluation is; silent with --json. */
export type Progress = (line: string) => void
export type Figures = Readonly<Record<string, unknown>>

export interface EvaluationInput {
  /** folder of the data sets, or of the one that is evaluated; empty when the evaluation makes its own */
  readonly data: string
  readonly progress: Progress
  /** Draws ROC curves and writes them as `NAME.svg` where `--out` says; nothing without it. */
  readonly plot: (name: string, title: string, series: readonly RocSeries[]) => void
  /** Writes a file where `--out` says; nothing without it. */
  readonly write: (name: string, text: string) => void
}

export interface Evaluation {
  /** what is measured on what, in one sentence */
  readonly about: string
  /** it makes its own data, from a seed */
  readonly ownData?: boolean
  run(input: EvaluationInput): Promise<Figures>
}

const folder = dirname(fileURLToPath(import.meta.url))
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))

function usage(problem: string): never {
  console.error(
    `${problem}\nusage: npm run eval -- NAME --data DIR [--json] [--out DIR]\nevaluations: ${names.join(', ')}`,
  )
  process.exit(2)
}

function optionsOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { data: { type: 'string' }, json: { type: 'boolean' }, out: { type: 'string' } },
    })
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const { values, positionals } = optionsOf(process.argv.slice(2))
const [name] = positionals
if (name === undefined || !names.includes(name)) usage(name === undefined ? 'which one?' : `no evaluation ${name}`)
const { evaluation } = (await import(join(folder, `${name}.ts`))) as { evaluation: Evaluation }
const { data, out } = values
if (evaluation.ownData !== true && data === undefined) usage(`${name} needs --data`)
if (data !== undefined && !existsSync(data)) usage(`${data} does not exist`)

const progress: Progress = values.json === true ? () => {} : (line) => console.log(line)
progress(`${name}: ${evaluation.about}`)
const write: EvaluationInput['write'] = (file, text) => {
  if (out === undefined) return
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, file), text)
  progress(`wrote ${join(out, file)}`)
}
const figures = await evaluation.run({
  data: data ?? '',
  progress,
  plot: (file, title, series) => write(`${file}.svg`, plotOf(title, series)),
  write,
})
console.log(JSON.stringify({ eval: name, ...figures }))
process.exit(0)
