import { CaepGateway, type SubjectFormat } from '../../dispatch/gateway/caep.ts'
import { ContextForgeGateway } from '../../dispatch/gateway/context-forge.ts'
import { HttpGateway } from '../../dispatch/gateway/http.ts'
import type { RequestTemplate } from '../../dispatch/gateway/template.ts'
import { WebhookGateway } from '../../dispatch/gateway/webhook.ts'
import type { Gateway } from '../../dispatch/gateway.ts'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'

type GatewayConfig = Config['containment']['gateways'][number]
type HttpConfig = NonNullable<GatewayConfig['http']>
type CaepConfig = NonNullable<GatewayConfig['caep']>
type Secret = Settings['secret']

export type OpenGateway = Gateway & { close(): void }

/** In the order of the configuration, which is the chain's. Throws GatewayConfigError. */
export function gatewaysOf({ config, secret }: Settings): readonly OpenGateway[] {
  return config.containment.gateways.map((gateway) => gatewayOf(gateway, secret))
}

/** The configuration was checked: exactly one of the kinds is there. */
function gatewayOf(
  { name, allowPrivate, url = '', secrets = [], http, contextForge, caep }: GatewayConfig,
  secret: Secret,
): OpenGateway {
  const shared = { name, allowPrivate }
  if (http) return httpGateway(shared, http, secret)
  if (contextForge)
    return new ContextForgeGateway({ ...shared, ...contextForge, token: secret(contextForge.token) }, Date.now)
  if (caep) return caepGateway(shared, caep, secret)
  return new WebhookGateway({ ...shared, url, secrets: secrets.map(secret) }, Date.now)
}

interface Shared {
  readonly name: string
  readonly allowPrivate: boolean
}

function httpGateway(shared: Shared, { secret: reference, actions, ping }: HttpConfig, secret: Secret): HttpGateway {
  const options = {
    ...shared,
    ...(reference && { secret: secret(reference) }),
    actions: actions.map(({ levels, targets, apply, release }) => ({
      levels: new Set(levels),
      targets: new Set(targets),
      apply: template(apply),
      ...(release && { release: template(release) }),
    })),
    ...(ping && { ping: template(ping) }),
  }
  return new HttpGateway(options, Date.now)
}

function template({ body, proof, ...request }: HttpConfig['actions'][number]['apply']): RequestTemplate {
  return { ...request, ...(body === undefined ? {} : { body }), ...(proof && { proof }) }
}

function caepGateway(shared: Shared, config: CaepConfig, secret: Secret): CaepGateway {
  const { key, authorization, subject, subjectIssuer = config.audience, credentialType, ...rest } = config
  const format: SubjectFormat = subject === 'iss_sub' ? { format: subject, issuer: subjectIssuer } : { format: subject }
  const options = {
    ...shared,
    ...rest,
    key: secret(key),
    subject: format,
    ...(authorization && { authorization: secret(authorization) }),
    ...(credentialType && { credentialType }),
  }
  return new CaepGateway(options, Date.now)
}
