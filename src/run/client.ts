import { readFileSync } from 'node:fs'
import * as http from 'node:http'
import * as https from 'node:https'
import { type Command, Option } from 'commander'
import { CommandError, EXIT } from './io.ts'

/** Options of every command that talks to a running instance. */
export interface InstanceOptions {
  readonly url: string
  readonly token?: string
  /** PEM files, for an instance that speaks TLS */
  readonly ca?: string
  readonly cert?: string
  readonly certKey?: string
}

export interface Client {
  get(path: string, query?: Readonly<Record<string, string | number | undefined>>): Promise<unknown>
  post(path: string, body: string | object, contentType?: string): Promise<unknown>
  /** The answer's body as it is. */
  bytes(path: string, body: object): Promise<Uint8Array>
}

/** Adds --url, --token and the files of TLS, all also from the environment. */
export function onInstance(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'the running instance').env('BELAY_URL').default('http://127.0.0.1:7300'))
    .addOption(new Option('--token <token>', 'bearer token; better by environment').env('BELAY_TOKEN'))
    .addOption(new Option('--ca <file>', "authority of the instance's certificate (PEM)").env('BELAY_CA'))
    .addOption(new Option('--cert <file>', 'certificate to show it (PEM)').env('BELAY_CERT'))
    .addOption(new Option('--cert-key <file>', 'key of that certificate (PEM)').env('BELAY_CERT_KEY'))
}

/** Talks to the HTTP API of a running instance. Rejects with CommandError that says what to do. */
export function createClient({ url, token, ...files }: InstanceOptions): Client {
  const tls = tlsOf(files)
  const ask = async (method: string, path: string, body?: string, contentType?: string): Promise<Uint8Array> => {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(contentType !== undefined && { 'content-type': contentType }),
    }
    const answer = await answered(url, new URL(path, url), { ...tls, method, headers }, body)
    if (answer.status >= 300) throw refused(answer.status, answer.bytes.toString())
    return answer.bytes
  }
  const request = async (...asked: Parameters<typeof ask>): Promise<unknown> => {
    const text = Buffer.from(await ask(...asked)).toString()
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }
  return {
    bytes: (path, body) => ask('POST', path, JSON.stringify(body), 'application/json'),
    get: (path, query = {}) => request('GET', `${path}${queryString(query)}`),
    post: (path, body, contentType = 'application/json') =>
      request('POST', path, typeof body === 'string' ? body : JSON.stringify(body), contentType),
  }
}

function tlsOf({ ca, cert, certKey }: Pick<InstanceOptions, 'ca' | 'cert' | 'certKey'>): https.RequestOptions {
  return {
    ...(ca !== undefined && { ca: pemFile(ca) }),
    ...(cert !== undefined && { cert: pemFile(cert) }),
    ...(certKey !== undefined && { key: pemFile(certKey) }),
  }
}

function pemFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CommandError(`${path} cannot be read`, EXIT.misused, { cause })
  }
}

interface Answer {
  readonly status: number
  readonly bytes: Buffer
}

/** Not by `fetch`, which cannot show a certificate. */
async function answered(
  base: string,
  url: URL,
  options: https.RequestOptions,
  body: string | undefined,
): Promise<Answer> {
  try {
    return await exchange(url, options, body)
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    if (TLS_ERROR.test(code))
      throw new CommandError(`no TLS with ${base}: ${message} (--ca, --cert)`, EXIT.failed, { cause })
    throw new CommandError(`nothing answers at ${base}; is \`belay up\` running there? (--url)`, EXIT.failed, { cause })
  }
}

/** OpenSSL's codes as Node gives them, for what either side holds against a certificate. */
const TLS_ERROR = /CERT|SSL|TLS|UNABLE_TO|EPROTO/

function exchange(url: URL, options: https.RequestOptions, body: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

function refused(status: number, text: string): CommandError {
  const detail = detailOf(text)
  if (status === 401) return new CommandError(`not logged in: ${detail} (--token or BELAY_TOKEN)`)
  return new CommandError(`refused with ${status}: ${detail}`)
}

/** What the answer says in words: problem details where it has them. */
function detailOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as { readonly detail?: string; readonly title?: string }
    return detail ?? title ?? text
  } catch {
    return text.slice(0, 200)
  }
}

function queryString(query: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  )
  const parameters = new URLSearchParams(pairs)
  return pairs.length === 0 ? '' : `?${parameters.toString()}`
}
