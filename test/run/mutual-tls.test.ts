import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createClient } from '../../src/run/client.ts'
import { parseConfig, settingsOf } from '../../src/run/config.ts'
import { startInstance } from '../../src/run/instance.ts'
import { createLog } from '../../src/run/log.ts'
import { onPath, unavailable } from '../services/service.ts'

/* Goal: a listener with a client authority serves nobody without a certificate of it, and a certificate is no token. */

const dir = mkdtempSync(join(tmpdir(), 'belay-tls-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string): string => join(dir, name)

const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })

/** An authority, or a certificate that one has signed; for 127.0.0.1, a day long. */
function certificate(name: string, issuer?: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`]
  if (issuer === undefined) {
    openssl('req', '-x509', ...key, '-out', `${name}.pem`, '-days', '1', '-subj', `/CN=${name}`)
    return
  }
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1')
  openssl('req', '-new', ...key, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
  const by = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial']
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.pem`, '-days', '1', '-extfile', 'names')
}

const tools = onPath('openssl') ? { available: true } : unavailable('openssl', 'it is not on the path')

test.skipIf(!tools.available)(
  'a certificate of the client authority is needed, and a token beside it',
  async () => {
    certificate('authority')
    certificate('server', 'authority')
    certificate('client', 'authority')
    certificate('elsewhere')
    certificate('stranger', 'elsewhere')
    const sha256 = createHash('sha256').update('open').digest('hex')
    const tls = { cert: file('server.pem'), key: { file: file('server.key') }, clientCa: file('authority.pem') }
    const config = {
      data: file('data'),
      listen: { port: 0, tls },
      tokens: [{ name: 'ann', sha256, scopes: ['analyst'] }],
    }
    const settings = settingsOf(parseConfig(JSON.stringify(config), 'test'), {}, 'test')
    const belay = await startInstance(settings, createLog('silent', process.stderr))
    try {
      expect(belay.url).toMatch(/^https:/)
      const ca = file('authority.pem')
      const ask = (name: string | undefined, token?: string) =>
        createClient({
          url: belay.url,
          ca,
          ...(token !== undefined && { token }),
          ...(name !== undefined && { cert: file(`${name}.pem`), certKey: file(`${name}.key`) }),
        }).get('/v1/baselines')
      expect(await ask('client', 'open')).toEqual({ baselines: [] })
      await expect(ask('client')).rejects.toThrow('not logged in')
      await expect(ask('stranger', 'open')).rejects.toThrow(/no TLS|nothing answers/)
      await expect(ask(undefined, 'open')).rejects.toThrow(/no TLS|nothing answers/)
      const plain = createClient({ url: belay.url.replace('https:', 'http:'), token: 'open' })
      await expect(plain.get('/v1/baselines')).rejects.toThrow('nothing answers')
    } finally {
      await belay.stop()
    }
  },
  120_000,
)
