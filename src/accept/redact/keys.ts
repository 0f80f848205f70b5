import { findSecrets, maySecret } from './patterns.ts'

/** What a member's name says about its value. */
export type KeyKind = 'plain' | 'secret' | 'prototype' | 'holds-secret'

/** Last words of names whose values are secrets, compared in lower case without separators. */
const LAST_WORDS =
  /(?:password|passwd|passphrase|pwd|secret|token|apikey|accesskey|secretkey|privatekey|accountkey|signingkey|encryptionkey|authorization|cookies?|credentials?|connectionstring|secretaccesskey|secrets|passwords|otp|cvv2?|cvc2?|bearer)$/
/** Names that end like a secret and are none: places in a list. */
const NO_SECRET = /^(?:next|previous|prev)?(?:page|sync|continuation|continue|cursor|progress)token$/

const MAX_CACHED = 8192

/** Knows names of members; names repeat from event to event, so each is looked at once. */
export class Keys {
  private readonly kinds = new Map<string, KeyKind>()
  private readonly own: ReadonlySet<string>

  constructor(own: readonly string[]) {
    this.own = new Set(own.map(normalise))
  }

  kindOf(key: string): KeyKind {
    return this.kinds.get(key) ?? this.learn(key)
  }

  private learn(key: string): KeyKind {
    const kind = this.judge(key)
    // Names can be chosen by a stranger: the memory is bounded by starting over.
    if (this.kinds.size >= MAX_CACHED) this.kinds.clear()
    if (key.length <= 256) this.kinds.set(key, kind)
    return kind
  }

  private judge(key: string): KeyKind {
    if (key === '__proto__') return 'prototype'
    if (maySecret(key) && findSecrets(key).length > 0) return 'holds-secret'
    const name = normalise(key)
    if (this.own.has(name)) return 'secret'
    return LAST_WORDS.test(name) && !NO_SECRET.test(name) ? 'secret' : 'plain'
  }
}

function normalise(key: string): string {
  return key.toLowerCase().replaceAll(/[-_.\s]/g, '')
}
