import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { python } from './python.ts'
import { type Service, unavailable } from './service.ts'

/**
 * The interpreter of a virtual environment that has one package of PyPI, made once per user and version. Takes about
 * half a minute and 150 to 250 MB the first time.
 */
export function pythonEnv(requirement: string): Service<string> {
  const found = python()
  if (!found.available) return found
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const env = join(cache, 'belay-test', requirement.replaceAll('==', '-'))
  const interpreter = join(env, 'bin/python')
  if (existsSync(join(env, '.complete'))) return { available: true, service: interpreter }
  rmSync(env, { recursive: true, force: true })
  mkdirSync(env, { recursive: true })
  const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', requirement]
  const isMade = succeeds(found.service, ['-m', 'venv', env]) && succeeds(interpreter, install)
  if (!isMade) return unavailable(requirement, 'its virtual environment could not be made (python3-venv? the network?)')
  writeFileSync(join(env, '.complete'), '')
  return { available: true, service: interpreter }
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}
