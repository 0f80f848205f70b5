import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { INTEGRATION } from '../pep/driver.ts'
import { pythonEnv } from '../services/python-env.ts'

const env = pythonEnv('fastmcp==4.1.2')

test.skipIf(!env.available)(
  'the middleware for FastMCP passes its tests on the real FastMCP',
  () => {
    const { status, stderr } = spawnSync(env.available ? env.service : '', ['-m', 'unittest', 'test_belay_fastmcp'], {
      cwd: INTEGRATION,
      encoding: 'utf8',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    })
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringMatching(/Ran [1-9]\d* tests/) })
  },
  120_000,
)
