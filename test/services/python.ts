import { spawnSync } from 'node:child_process'
import { type Service, unavailable } from './service.ts'

/** The command of a Python 3.10 or newer. */
export function python(): Service<string> {
  const asked = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 10))'], { encoding: 'utf8' })
  if (asked.status === 0 && asked.stdout.trim() === 'True') return { available: true, service: 'python3' }
  return unavailable('Python', asked.status === 0 ? 'python3 is older than 3.10' : 'there is no python3 on the PATH')
}
