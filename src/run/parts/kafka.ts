import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { KafkaConnection, KafkaLogin } from '../../accept/kafka.ts'
import { createSignatureVerifier, type SignatureVerifier, type SigningKey } from '../../accept/signature.ts'
import { ConfigError, type Settings } from '../config.ts'
import type { Config, SecretRef } from '../config-schema.ts'
import type { Log } from '../log.ts'

export type KafkaSection = NonNullable<Config['kafka']>

/** How to reach the cluster that the configuration names. Throws ConfigError for a certificate that cannot be read. */
export function kafkaConnection(
  settings: Settings,
  section: Pick<KafkaSection, 'brokers' | 'clientId' | 'tls' | 'sasl'>,
  log?: Log,
): KafkaConnection {
  const { brokers, clientId, tls, sasl } = section
  return {
    brokers,
    clientId,
    ...(tls && {
      tls: {
        ...(tls.ca !== undefined && { ca: pem('kafka.tls.ca', tls.ca) }),
        ...(tls.cert !== undefined && { cert: pem('kafka.tls.cert', tls.cert) }),
        ...(tls.key && { key: settings.secret(tls.key) }),
      },
    }),
    ...(sasl && { login: loginOf(settings, sasl) }),
    ...(log && { log: ({ level, message, fields }) => log[level]({ ...fields }, `Kafka: ${message}`) }),
  }
}

/** Checks the keys of the PEPs, and of this installation's own HTTP ingest. */
export function signatureVerifier(
  { secret }: Settings,
  { signing }: KafkaSection,
  ingest: SigningKey,
): SignatureVerifier {
  const keys = signing.keys.map(({ kid, key, tenant, sources }) => ({
    kid,
    key: secret(key),
    tenant,
    ...(sources && { sources }),
  }))
  return createSignatureVerifier(signing.mode, [...keys, ingest])
}

/** The configuration was checked: what the mechanism needs is there. */
function loginOf(settings: Settings, sasl: NonNullable<KafkaSection['sasl']>): KafkaLogin {
  const { mechanism, username = '', password, token } = sasl
  if (mechanism !== 'oauthbearer') return { mechanism, username, password: password ? settings.secret(password) : '' }
  return { mechanism, token: () => freshToken(settings, token) }
}

/** A token in a file is renewed by whoever wrote it, so it is read at every login. */
async function freshToken(settings: Settings, token: SecretRef | undefined): Promise<string> {
  if (!token) return ''
  return 'file' in token ? (await readFile(token.file, 'utf8')).trim() : settings.secret(token)
}

function pem(path: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(path, [`${path}: ${cause instanceof Error ? cause.message : String(cause)}`])
  }
}
