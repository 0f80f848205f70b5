import { type Command, Option } from 'commander'
import { CommandError, EXIT } from './io.ts'

/** Options of every command that talks to a running instance. */
export interface InstanceOptions {
  readonly url: string
  readonly token?: string
}

export interface Client {
  get(path: string, query?: Readonly<Record<string, string | number | undefined>>): Promise<unknown>
  post(path: string, body: string | object, contentType?: string): Promise<unknown>
}

/** Adds --url and --token, both also from the environment. */
export function onInstance(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'the running instance').env('BELAY_URL').default('http://127.0.0.1:7300'))
    .addOption(new Option('--token <token>', 'bearer token; better by environment').env('BELAY_TOKEN'))
}

/** Talks to the HTTP API of a running instance. Rejects with CommandError that says what to do. */
export function createClient({ url, token }: InstanceOptions): Client {
  const request = async (method: string, path: string, body?: string, contentType?: string): Promise<unknown> => {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(contentType !== undefined && { 'content-type': contentType }),
    }
    const response = await fetched(url, new URL(path, url), { method, headers, ...(body !== undefined && { body }) })
    const text = await response.text()
    if (!response.ok) throw refused(response.status, text)
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }
  return {
    get: (path, query = {}) => request('GET', `${path}${queryString(query)}`),
    post: (path, body, contentType = 'application/json') =>
      request('POST', path, typeof body === 'string' ? body : JSON.stringify(body), contentType),
  }
}

async function fetched(base: string, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (cause) {
    throw new CommandError(`nothing answers at ${base}; is \`belay up\` running there? (--url)`, EXIT.failed, { cause })
  }
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
