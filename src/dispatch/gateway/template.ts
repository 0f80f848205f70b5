import type { Lease } from '../../model/index.ts'
import { iso } from '../wire.ts'
import type { Call } from './exchange.ts'
import { GatewayConfigError } from './exchange.ts'

/** A request as an operator writes it: `{{name}}` stands for a value of the order. */
export interface RequestTemplate {
  readonly method: Call['method']
  /** placeholders in its path and query only, each one percent-encoded */
  readonly url: string
  /** `{{secret}}` may stand here, and only here */
  readonly headers: Readonly<Record<string, string>>
  /** JSON; placeholders in texts. A text that is nothing but one placeholder becomes the value itself, numbers included */
  readonly body?: unknown
  /** what its answer must say to be believed; any success when absent */
  readonly proof?: Proof
}

/** A member of an answer's JSON, by pointer (RFC 6901), and its value. */
export interface Proof {
  readonly pointer: string
  readonly equals: string | number | boolean
}

type Value = string | number

/** What a template may name, and what it is worth for a lease; undefined where the order has no such thing. */
const VALUES: Readonly<Record<string, (lease: Lease) => Value | undefined>> = {
  id: ({ order }) => order.id,
  revision: ({ revision }) => revision,
  tenant: ({ order }) => order.tenant,
  level: ({ order }) => order.level,
  'target.kind': ({ order }) => order.target.kind,
  'target.id': ({ order }) => order.target.id,
  'target.agent': ({ order: { target } }) => (target.kind === 'agent' ? target.id : target.agent),
  'target.server': ({ order: { target } }) => (target.kind === 'server' ? target.id : serverAndTool(target)?.server),
  'target.tool': ({ order: { target } }) => serverAndTool(target)?.tool,
  reason: ({ order }) => order.reason,
  severity: ({ order }) => order.severity,
  score: ({ order }) => order.score,
  cause: ({ order }) => order.cause,
  finding: ({ order }) => order.findingId,
  issued_at: ({ order }) => iso(order.issuedMs),
  expires_at: ({ order }) => iso(order.expiresMs),
}

export const PLACEHOLDERS = Object.keys(VALUES)
const SECRET = 'secret'
const PLACEHOLDER = /\{\{([^{}]*)\}\}/g
const WHOLE = /^\{\{([^{}]*)\}\}$/
/** RFC 9110, section 5.5, without what is obsolete: nothing in a value may end its line. */
const HEADER_VALUE = /^[\x20-\x7e]*$/
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** The order does not have what the template needs, or has it in a form that cannot be sent. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly code = 'template'
}

/** `server/name` of a tool; a tool's name may have slashes of its own. */
export function serverAndTool(
  target: Lease['order']['target'],
): { readonly server: string; readonly tool: string } | undefined {
  const at = target.id.indexOf('/')
  if (target.kind !== 'tool' || at <= 0 || at === target.id.length - 1) return undefined
  return { server: target.id.slice(0, at), tool: target.id.slice(at + 1) }
}

/** Checks a template once, before any order. Throws GatewayConfigError that says what to change. */
export function checkTemplate(gateway: string, { url, headers, body }: RequestTemplate): void {
  const refuse = (why: string): never => {
    throw new GatewayConfigError(`gateway ${gateway}: ${why}`)
  }
  const check = (text: string, allowed: readonly string[]): void => {
    for (const [, name = ''] of text.matchAll(PLACEHOLDER))
      if (!allowed.includes(name)) refuse(`{{${name}}} is not known here; known are ${allowed.join(', ')}`)
    if (/\{\{|\}\}/.test(text.replace(PLACEHOLDER, '')))
      refuse(`${JSON.stringify(text)} has braces that belong together to nothing`)
  }
  const [origin = ''] = /^https?:\/\/[^/?#]*/i.exec(url) ?? []
  if (origin === '' || origin.includes('{{')) refuse('a url begins with its scheme and host, without placeholders')
  if (url.includes('#')) refuse('a url has no fragment')
  check(url, PLACEHOLDERS)
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) refuse(`${name} cannot be a header`)
    check(value, [...PLACEHOLDERS, SECRET])
  }
  eachText(body, (text) => check(text, PLACEHOLDERS))
}

/** The request for a lease. Throws TemplateError. Nothing in a value can end the part of the request that it stands in. */
export function renderTemplate(
  template: RequestTemplate,
  lease: Lease,
  secret: string | undefined,
): Call & { readonly body?: string } {
  const { method, url, headers, body } = template
  const rendered = Object.entries(headers).map(
    ([name, text]) => [name.toLowerCase(), header(name, text, lease, secret)] as const,
  )
  return {
    method,
    url: new URL(url.replace(PLACEHOLDER, (_, name: string) => pathPart(name, lease))),
    headers: {
      'user-agent': 'belay',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(rendered),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(json(body, lease)) }),
  }
}

function termOf(name: string, lease: Lease): Value {
  const value = VALUES[name]?.(lease)
  if (value === undefined || value === '')
    throw new TemplateError(`an order on ${lease.order.target.kind} has no ${name}`)
  return value
}

/** A dot segment would be taken out of the path, and what stands before it too, however it is encoded. */
function pathPart(name: string, lease: Lease): string {
  const value = String(termOf(name, lease))
  if (value === '.' || value === '..')
    throw new TemplateError(`${name} is ${JSON.stringify(value)}, which no path can hold`)
  try {
    return encodeURIComponent(value)
  } catch (cause) {
    throw new TemplateError(`${name} is not valid Unicode`, { cause })
  }
}

function header(name: string, text: string, lease: Lease, secret: string | undefined): string {
  const value = text.replace(PLACEHOLDER, (_, key: string) =>
    key === SECRET ? (secret ?? '') : String(termOf(key, lease)),
  )
  if (!HEADER_VALUE.test(value))
    throw new TemplateError(`the header ${name} would have characters that no header may have`)
  return value
}

/** Values go into texts of parsed JSON, never into JSON text. */
function json(node: unknown, lease: Lease): unknown {
  if (typeof node === 'string') {
    const [, whole] = WHOLE.exec(node) ?? []
    return whole === undefined
      ? node.replace(PLACEHOLDER, (_, name: string) => String(termOf(name, lease)))
      : termOf(whole, lease)
  }
  if (Array.isArray(node)) return node.map((one) => json(one, lease))
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, json(value, lease)]))
}

function eachText(node: unknown, check: (text: string) => void): void {
  if (typeof node === 'string') check(node)
  else if (typeof node === 'object' && node !== null) for (const one of Object.values(node)) eachText(one, check)
}
