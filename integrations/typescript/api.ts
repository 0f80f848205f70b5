/** Where Belay is, and as whom to speak to it. */
export interface ApiOptions {
  /** such as `http://127.0.0.1:7300` */
  readonly url: string
  /** bearer token with the scope `pep` */
  readonly token?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** parsed JSON; undefined where there is none */
  readonly body: unknown
}

export interface Ask {
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** Belay's HTTP API. Every request ends within its time; rejects when there was no whole answer by then, and says why. */
export class Api {
  private readonly url: string
  private readonly headers: Readonly<Record<string, string>>

  constructor({ url, token }: ApiOptions) {
    this.url = url
    this.headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  async ask(path: string, { method = 'GET', body, contentType, headers = {}, timeoutMs }: Ask): Promise<Answer> {
    const type = body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }
    const signal = AbortSignal.timeout(timeoutMs)
    const own = { ...this.headers, ...type, ...headers }
    return this.told(async () => {
      const response = await fetch(new URL(path, this.url), {
        method,
        headers: own,
        redirect: 'error',
        signal,
        ...(body === undefined ? {} : { body }),
      })
      return { status: response.status, headers: response.headers, body: parsed(await response.text()) }
    })
  }

  /** A response whose body is read by the caller, until `signal` ends it. */
  stream(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const own = { ...this.headers, ...headers }
    return this.told(() => fetch(new URL(path, this.url), { headers: own, redirect: 'error', signal }))
  }

  /** fetch says `fetch failed`, and why only in the cause. */
  private async told<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      const { message, cause } = error as Error
      const why = cause instanceof Error ? cause.message : message
      throw new Error(`${this.url} does not answer: ${why}`, { cause: error })
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
