/** `npm run bench -- NAME [--json]`: one file per benchmark; the last line is one JSON object. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Says where the benchmark is; silent with --json. */
export type Progress = (line: string) => void
export type Figures = Readonly<Record<string, unknown>>
export interface Benchmark {
  /** what is measured against which named peer or limit, in one sentence */
  readonly about: string
  run(progress: Progress): Promise<Figures>
}

const folder = dirname(fileURLToPath(import.meta.url))
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))

const [name, ...flags] = process.argv.slice(2)
if (name === undefined || !existsSync(join(folder, `${name}.ts`)) || name === 'main') {
  console.error(`usage: npm run bench -- NAME [--json]\nbenchmarks: ${names.join(', ')}`)
  process.exit(2)
}
const { benchmark } = (await import(join(folder, `${name}.ts`))) as { benchmark: Benchmark }
const progress: Progress = flags.includes('--json') ? () => {} : (line) => console.log(line)
progress(`${name}: ${benchmark.about}`)
console.log(JSON.stringify({ bench: name, ...(await benchmark.run(progress)) }))
process.exit(0)
