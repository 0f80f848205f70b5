import type { EventData, Ref } from '../model/index.ts'
import { askPairs, asksOf } from '../model/vocabulary.ts'
import { createFingerprint, type Fingerprint } from './refs/fingerprint.ts'
import { findImperatives } from './refs/imperatives.ts'
import { domainOf, findValues, normaliseName, normaliseUrl } from './refs/values.ts'

/** Refs of one event, arguments first; the rest is cut. */
export const MAX_REFS = 256

export interface RefOptions {
  /** secret of this installation: fingerprints of two installations cannot be compared */
  readonly key: Uint8Array | string
}

/** Gives an event its refs: destination-like values of arguments, result and task, as keyed fingerprints. */
export type RefExtractor = (data: EventData) => readonly Ref[]

/**
 * Refs that a PEP sent are kept as they are when it sent no content; where content is present they are computed here,
 * so that everything after this point needs refs only. `kind` is judged by the value's shape first and by the
 * argument's name second. Besides values, refs of kind `ask` say what a tool's name, the task and the orders inside a
 * result ask for (`send/money`), so that a call that only a web page asked for can be told from one the task asked for.
 * Linear in the event's size.
 */
export function createRefExtractor(options: RefOptions): RefExtractor {
  const fingerprint = createFingerprint(options.key)
  const intents = new IntentCache(fingerprint)
  return (data) => {
    const text = data.intent?.text
    const sample = data.result?.sample
    if (data.refs !== undefined && data.args === undefined && sample === undefined) return data.refs
    const refs = new RefList(fingerprint)
    const intent = text === undefined ? undefined : intents.of(text)
    if (data.tool !== undefined) addAsks(refs, 'args', data.tool.name)
    if (data.args !== undefined) addArguments(refs, data.args, intent)
    if (intent !== undefined) refs.addAll(intent.refs)
    if (sample !== undefined) addResult(refs, sample)
    return refs.list
  }
}

class RefList {
  readonly list: Ref[] = []
  private readonly seen = new Set<string>()
  private readonly fingerprint: Fingerprint

  constructor(fingerprint: Fingerprint) {
    this.fingerprint = fingerprint
  }

  add(where: Ref['in'], kind: string, value: string, imperative: boolean): void {
    if (this.list.length >= MAX_REFS) return
    const fp = this.fingerprint(kind === 'ask' || kind === 'act' ? `ask:${value}` : value)
    const id = `${where}${fp}`
    if (this.seen.has(id)) return
    this.seen.add(id)
    if (where !== 'result') this.list.push({ in: where, kind, fp })
    else if (imperative) this.list.push({ in: where, kind, fp, untrusted: true, imperative })
    else this.list.push({ in: where, kind, fp, untrusted: true })
  }

  addAll(refs: readonly Ref[]): void {
    for (const ref of refs) if (this.list.length < MAX_REFS) this.list.push(ref)
  }
}

interface KnownIntent {
  readonly refs: readonly Ref[]
  readonly lower: string
}

/** Every event of a session repeats its task: looked at once. Bounded, emptied when full. */
class IntentCache {
  private readonly known = new Map<string, KnownIntent>()
  private readonly fingerprint: Fingerprint

  constructor(fingerprint: Fingerprint) {
    this.fingerprint = fingerprint
  }

  of(text: string): KnownIntent {
    const known = this.known.get(text)
    if (known) return known
    const refs = new RefList(this.fingerprint)
    findValues(text, (kind, value) => refs.add('intent', kind, value, false))
    for (const sentence of text.split(/[.!?\n]\s/).slice(0, 16)) addAsks(refs, 'intent', sentence)
    const intent = { refs: refs.list, lower: text.toLowerCase() }
    if (this.known.size >= 4096) this.known.clear()
    this.known.set(text, intent)
    return intent
  }
}

/** `act`: some action, whatever its object; `ask`: an action on a kind of thing. */
function kindOfAsk(pair: string): string {
  return pair.endsWith('/*') ? 'act' : 'ask'
}

function addAsks(refs: RefList, where: Ref['in'], text: string, imperative = false): void {
  for (const pair of askPairs(asksOf(text))) refs.add(where, kindOfAsk(pair), pair, imperative)
}

const MAX_ARGUMENT_TEXT = 16_384
const MAX_DEPTH = 6

function addArguments(refs: RefList, args: Readonly<Record<string, unknown>>, intent: KnownIntent | undefined): void {
  let budget = MAX_ARGUMENT_TEXT
  const visit = (name: string, value: unknown, depth: number): void => {
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value).slice(0, budget)
      budget -= text.length
      addArgument(refs, name, text, intent)
    } else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH && budget > 0) {
      if (Array.isArray(value)) for (const item of value) visit(name, item, depth + 1)
      else for (const key of Object.keys(value).sort()) visit(key, (value as Record<string, unknown>)[key], depth + 1)
    }
  }
  for (const name of Object.keys(args).sort()) visit(name, args[name], 0)
}

function addArgument(refs: RefList, name: string, text: string, intent: KnownIntent | undefined): void {
  let typed = false
  const take = (kind: string, value: string): void => {
    typed = true
    refs.add('args', kind, value, false)
    // The task may name it in another form (a site without www., a name in another case).
    if (intent?.lower.includes(value)) refs.add('intent', kind, value, false)
  }
  findValues(text, take)
  if (typed || text.length < 2 || text.length > 64 || text.includes('\n')) return
  const kind = kindOfName(name)
  if (kind === 'url') {
    const url = normaliseUrl(text)
    take('url', url)
    take('domain', domainOf(url))
  } else if (kind !== undefined || /[A-Za-z]/.test(text)) take(kind ?? 'name', normaliseName(text))
}

const KINDS: readonly (readonly [string, RegExp])[] = [
  ['url', /^(?:.*_)?(?:url|uri|link|href|host|hostname|domain|website|site|endpoint|webhook|callback)s?$/i],
  ['channel', /channel|chat|room|topic|queue/i],
  ['account', /account|iban|wallet|card/i],
  ['repo', /repo|project|branch|remote/i],
  ['path', /path|file|folder|dir|bucket|key_name/i],
  ['phone', /phone|mobile|tel$/i],
  [
    'user',
    /^(?:to|cc|bcc)$|user|recipient|participant|member|owner|assignee|invitee|attendee|guest|contact|collaborator|sender|receiver|payee|beneficiary|customer|person/i,
  ],
]
const kindCache = new Map<string, string | undefined>()

function kindOfName(name: string): string | undefined {
  if (kindCache.has(name)) return kindCache.get(name)
  const kind = KINDS.find(([, pattern]) => pattern.test(name))?.[0]
  if (kindCache.size < 10_000) kindCache.set(name, kind)
  return kind
}

function addResult(refs: RefList, sample: string): void {
  const orders = findImperatives(sample)
  for (const order of orders) {
    findValues(sample.slice(order.from, order.to), (kind, value) => refs.add('result', kind, value, true))
    for (const name of order.names) refs.add('result', 'name', normaliseName(name), true)
    for (const pair of askPairs(order.asks)) refs.add('result', kindOfAsk(pair), pair, true)
  }
  findValues(sample, (kind, value) => refs.add('result', kind, value, false))
}
