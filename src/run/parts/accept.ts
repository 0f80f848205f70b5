import { createDecoder, type Decoder } from '../../accept/decode.ts'
import { createRedactor, type Redactor } from '../../accept/redact.ts'
import { createRefExtractor, type RefExtractor } from '../../accept/refs.ts'
import { ConfigError } from '../config.ts'
import type { Config } from '../config-schema.ts'
import type { Keys } from './keys.ts'

/** What every way in shares: one decoder, and the redactor for what cannot be decoded. */
export interface Door {
  readonly decode: Decoder
  readonly redactor: Redactor
}

/** Throws ConfigError. */
export function openDoor({ redaction, detection }: Config, keys: Keys): Door {
  try {
    const redactor = createRedactor({ key: keys.redaction, keys: redaction.keys, pointers: redaction.pointers })
    const refs = trusting(createRefExtractor({ key: keys.refs }), detection.trustedServers)
    return { decode: createDecoder({ redactor, refs }), redactor }
  } catch (error) {
    if (error instanceof RangeError) throw new ConfigError('redaction', [`redaction.pointers: ${error.message}`])
    throw error
  }
}

/** What a trusted server returns was not written by a stranger, so what it names is no stranger's wish. */
function trusting(refsOf: RefExtractor, servers: readonly string[]): RefExtractor {
  if (servers.length === 0) return refsOf
  const trusted = new Set(servers)
  return (data) => {
    const refs = refsOf(data)
    if (!trusted.has(data.server.id)) return refs
    return refs.map((ref) => (ref.in === 'result' ? { ...ref, untrusted: false, imperative: false } : ref))
  }
}
