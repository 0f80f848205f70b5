import { keyedHex } from './digest.ts'

/** Last words of member names whose values are secrets, in lower case without separators. */
const SECRET_NAME =
  /(?:password|passwd|passphrase|pwd|secret|secrets|token|apikey|accesskey|secretkey|privatekey|accountkey|authorization|cookies?|credentials?|connectionstring|otp|cvv2?|cvc2?|bearer)$/
/** Names that end like a secret and are none: places in a list. */
const PLACE_NAME = /^(?:next|previous|prev)?(?:page|sync|continuation|continue|cursor|progress)token$/
/** How tokens begin that say by it whose they are. */
const TOKEN_STARTS =
  'eyJ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xoxb- xoxp- xoxa- sk- sk_live_ rk_live_ AKIA ASIA AIza ya29. npm_ pypi- hf_ whsec_'
const STARTS = TOKEN_STARTS.split(' ')
/** One run of one class of characters: linear in the text. */
const TOKEN_RUN = /[\w.+/=-]{20,}/g

const MAX_DEPTH = 32

export interface Redacted<T> {
  readonly value: T
  /** JSON pointers (RFC 6901) of what was taken out, from the value's root */
  readonly pointers: readonly string[]
}

/**
 * Takes secrets out before anything leaves the process: by the name of a member, and tokens by their beginning. In their
 * place stands the contract's mark, keyed, so that two uses of one secret look the same. Belay looks again, and harder,
 * at what arrives. Its input is never changed; what is nested deeper than 32 levels is taken out whole.
 */
export class Redactor {
  private readonly key: string | Uint8Array

  constructor(key: string | Uint8Array) {
    this.key = key
  }

  value<T>(value: T): Redacted<T> {
    const pointers: string[] = []
    return { value: this.visit(value, '', 0, pointers) as T, pointers }
  }

  text(text: string): string {
    return text.replace(TOKEN_RUN, (run) =>
      isToken(run) ? `[redacted:${keyedHex(this.key, run)}:${run.length}]` : run,
    )
  }

  private visit(value: unknown, at: string, depth: number, pointers: string[]): unknown {
    if (typeof value === 'string') {
      const after = this.text(value)
      if (after !== value) pointers.push(at)
      return after
    }
    if (typeof value !== 'object' || value === null) return value
    if (depth >= MAX_DEPTH) return this.mark(value, at, pointers)
    if (Array.isArray(value)) return value.map((item, i) => this.visit(item, `${at}/${i}`, depth + 1, pointers))
    const members = Object.entries(value).map(([name, member]) => {
      const path = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      return [
        name,
        isSecret(name, member) ? this.mark(member, path, pointers) : this.visit(member, path, depth + 1, pointers),
      ]
    })
    return Object.fromEntries(members) as unknown
  }

  private mark(value: unknown, at: string, pointers: string[]): object {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    pointers.push(at)
    return { $redacted: 'secret', sha256: keyedHex(this.key, text), len: text.length }
  }
}

function isSecret(name: string, value: unknown): boolean {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean') return false
  const plain = name
    .slice(0, 128)
    .toLowerCase()
    .replace(/[-_.\s]/g, '')
  return SECRET_NAME.test(plain) && !PLACE_NAME.test(plain)
}

function isToken(run: string): boolean {
  return STARTS.some((start) => run.startsWith(start)) && /\d/.test(run)
}
