import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Progress } from '../main.ts'

/** Other people's implementations, fetched by the benchmark itself into the user's cache; never part of the product. */
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'belay-bench')

/** A Python with these packages of PyPI, or undefined with a line that says why. */
export function pythonWith(packages: readonly string[], progress: Progress): string | undefined {
  const folder = join(CACHE, `python-${packages.join('-')}`)
  const python = join(folder, 'bin', 'python')
  if (existsSync(join(folder, '.ok'))) return python
  progress(`  installing ${packages.join(' and ')} from PyPI`)
  mkdirSync(CACHE, { recursive: true })
  if (!succeeds('python3', ['-m', 'venv', folder]) || !succeeds(python, ['-m', 'pip', 'install', '-q', ...packages])) {
    progress(`  skipped: no python3 with venv and pip that can install ${packages.join(' and ')}`)
    return undefined
  }
  writeFileSync(join(folder, '.ok'), '')
  return python
}

/** A class path with this artifact of Maven Central and what it needs, or undefined with a line that says why. */
export function jarsOf(group: string, artifact: string, version: string, progress: Progress): string | undefined {
  const folder = join(CACHE, `${artifact}-${version}`)
  if (!existsSync(join(folder, '.ok'))) {
    progress(`  fetching ${artifact} from Maven Central`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'pom.xml'), pomOf(group, artifact, version))
    const copy = [
      '-q',
      '-B',
      '-f',
      join(folder, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${folder}`,
    ]
    if (!succeeds('mvn', copy)) {
      progress(`  skipped: no mvn that can fetch ${artifact}, or no java`)
      return undefined
    }
    writeFileSync(join(folder, '.ok'), '')
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(folder, name))
    .join(':')
}

/** What a peer printed. Throws when it fails: a peer that is there must work. */
export function outputOf(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.slice(-500)}`)
  return stdout
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

function pomOf(group: string, artifact: string, version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>belay</groupId><artifactId>peers</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>
</dependencies></project>`
}
