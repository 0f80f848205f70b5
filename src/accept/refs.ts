import { type EventData, INJECTION_PREFIX, injectionsIn, type Ref } from '../model/index.ts'
import { domainOf, findValues, normaliseName, normaliseUrl } from '../model/values.ts'
import { askPairs, asksOf } from '../model/vocabulary.ts'
import { Fingerprints, type Known } from './refs/fingerprint.ts'
import { findImperatives, namesIn } from './refs/imperatives.ts'

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
 * Refs of kind `injection-…` say that a result speaks to the agent instead of to its reader (model/injections.ts).
 * Linear in the event's size.
 */
export function createRefExtractor(options: RefOptions): RefExtractor {
  const fingerprints = new Fingerprints(options.key)
  const intents = new TextCache(fingerprints, describeIntent)
  const tools = new TextCache(fingerprints, describeTool)
  const results = new TextCache(fingerprints, addResult)
  const texts = new ArgumentTexts(fingerprints)
  return (data) => {
    const sample = data.result?.sample
    if (data.refs !== undefined && data.args === undefined && sample === undefined) return data.refs
    const refs = new RefList(fingerprints)
    const intent = data.intent?.text === undefined ? undefined : intents.of(data.intent.text)
    if (data.tool !== undefined) refs.addAll(tools.of(data.tool.name).refs)
    if (data.args !== undefined) new ArgumentReader(refs, texts, intent).read(data.args)
    if (intent !== undefined) refs.addAll(intent.refs)
    if (sample !== undefined) {
      if (sample.length <= MAX_CACHED_RESULT) refs.addAll(results.of(sample).refs)
      else addResult(refs, sample)
    }
    return refs.list
  }
}

/** Listings and pages are read again and again; longer ones would cost more to keep than to read. */
const MAX_CACHED_RESULT = 1024

/** Counts the lists made, so that a value knows whether the list at hand has it already. */
let lists = 0

const PLACE_BITS: Readonly<Record<Ref['in'], number>> = { args: 1, intent: 2, result: 4 }

class RefList {
  readonly list: Ref[] = []
  private readonly id: number
  private readonly fingerprints: Fingerprints

  constructor(fingerprints: Fingerprints) {
    this.fingerprints = fingerprints
    this.id = ++lists
  }

  /** Adds the value once per place; the first kind and the first flag stand. */
  add(where: Ref['in'], kind: string, value: string, imperative: boolean): void {
    if (this.list.length >= MAX_REFS) return
    this.addKnown(
      where,
      kind,
      this.fingerprints.of(kind === 'ask' || kind === 'act' ? `ask:${value}` : value),
      imperative,
    )
  }

  addKnown(where: Ref['in'], kind: string, known: Known, imperative: boolean): void {
    if (this.list.length >= MAX_REFS) return
    if (known.list !== this.id) {
      known.list = this.id
      known.places = 0
    }
    const bit = PLACE_BITS[where]
    if ((known.places & bit) !== 0) return
    known.places |= bit
    this.list.push(refOf(known, where, kind, imperative))
  }

  addAll(refs: readonly Ref[]): void {
    for (const ref of refs) if (this.list.length < MAX_REFS) this.list.push(ref)
  }
}

/** Refs are immutable, so events share them. */
function refOf(known: Known, where: Ref['in'], kind: string, imperative: boolean): Ref {
  known.refs ??= []
  for (const ref of known.refs)
    if (ref.in === where && ref.kind === kind && (ref.imperative === true) === imperative) return ref
  const made: Ref =
    where !== 'result'
      ? { in: where, kind, fp: known.fp }
      : imperative
        ? { in: where, kind, fp: known.fp, untrusted: true, imperative }
        : { in: where, kind, fp: known.fp, untrusted: true }
  if (known.refs.length < MAX_SHARED) known.refs.push(made)
  return made
}

const MAX_SHARED = 8

interface KnownText {
  readonly refs: readonly Ref[]
  readonly lower: string
}

/** Tasks, tool names and short results come again: each is looked at once. Bounded, emptied when full. */
class TextCache {
  private readonly known = new Map<string, KnownText>()
  private readonly fingerprints: Fingerprints
  private readonly describe: (refs: RefList, text: string) => void

  constructor(fingerprints: Fingerprints, describe: (refs: RefList, text: string) => void) {
    this.fingerprints = fingerprints
    this.describe = describe
  }

  of(text: string): KnownText {
    const known = this.known.get(text)
    if (known) return known
    const refs = new RefList(this.fingerprints)
    this.describe(refs, text)
    const described = { refs: refs.list, lower: text.toLowerCase() }
    if (this.known.size >= 4096) this.known.clear()
    this.known.set(text, described)
    return described
  }
}

function describeIntent(refs: RefList, text: string): void {
  findValues(text, (kind, value) => refs.add('intent', kind, value, false))
  for (const sentence of text.split(/[.!?\n]\s/).slice(0, 16)) addAsks(refs, 'intent', sentence)
}

function describeTool(refs: RefList, name: string): void {
  addAsks(refs, 'args', name)
}

/** `act`: some action, whatever its object; `ask`: an action on a kind of thing. */
function kindOfAsk(pair: string): string {
  return pair.endsWith('/*') ? 'act' : 'ask'
}

function addAsks(refs: RefList, where: Ref['in'], text: string): void {
  for (const pair of askPairs(asksOf(text))) refs.add(where, kindOfAsk(pair), pair, false)
}

interface KnownValue {
  readonly kind: string
  readonly known: Known
}

interface ArgumentText {
  /** told by their shape */
  readonly values: readonly KnownValue[]
  /** the whole text as a name, made when it is first asked for */
  name: Known | undefined
}

const MAX_TEXTS = 16_384
const MAX_TEXT = 256

/**
 * What argument texts hold, for as long as their fingerprints are remembered: request and response of a call repeat
 * its arguments, and agents ask for the same things.
 */
class ArgumentTexts {
  private readonly known = new Map<string, ArgumentText>()
  private readonly fingerprints: Fingerprints
  private generation = 0

  constructor(fingerprints: Fingerprints) {
    this.fingerprints = fingerprints
  }

  of(text: string): ArgumentText {
    if (this.generation !== this.fingerprints.generation) {
      this.known.clear()
      this.generation = this.fingerprints.generation
    }
    const known = this.known.get(text)
    if (known !== undefined) return known
    const values: KnownValue[] = []
    findValues(text, (kind, value) => values.push({ kind, known: this.fingerprints.of(value) }))
    const described = { values, name: undefined }
    if (text.length > MAX_TEXT) return described
    if (this.known.size >= MAX_TEXTS) this.known.clear()
    if (this.generation === this.fingerprints.generation) this.known.set(text, described)
    return described
  }

  fingerprint(value: string): Known {
    return this.fingerprints.of(value)
  }

  nameOf(text: string, described: ArgumentText): Known {
    described.name ??= this.fingerprints.of(normaliseName(text))
    return described.name
  }
}

const MAX_ARGUMENT_TEXT = 16_384
const MAX_DEPTH = 6

/** Walks the arguments in the order of their names, so that the order of properties changes nothing. */
class ArgumentReader {
  private readonly refs: RefList
  private readonly texts: ArgumentTexts
  private readonly intent: KnownText | undefined
  private budget = MAX_ARGUMENT_TEXT

  constructor(refs: RefList, texts: ArgumentTexts, intent: KnownText | undefined) {
    this.refs = refs
    this.texts = texts
    this.intent = intent
  }

  read(args: Readonly<Record<string, unknown>>): void {
    this.visitMembers(args, 0)
  }

  private visitMembers(members: Readonly<Record<string, unknown>>, depth: number): void {
    const names = Object.keys(members)
    if (names.length > 1) names.sort()
    for (const name of names) this.visit(name, members[name], depth)
  }

  private visit(name: string, value: unknown, depth: number): void {
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value).slice(0, this.budget)
      this.budget -= text.length
      this.describe(name, text)
    } else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH && this.budget > 0) {
      if (Array.isArray(value)) for (const item of value) this.visit(name, item, depth + 1)
      else this.visitMembers(value as Record<string, unknown>, depth + 1)
    }
  }

  private describe(name: string, text: string): void {
    const described = this.texts.of(text)
    for (const { kind, known } of described.values) this.take(kind, known)
    if (described.values.length > 0 || text.length < 2 || text.length > 64 || text.includes('\n')) return
    const kind = kindOfName(name)
    if (kind === 'url') {
      const url = normaliseUrl(text)
      this.take('url', this.texts.fingerprint(url))
      this.take('domain', this.texts.fingerprint(domainOf(url)))
    } else if (kind !== undefined || /[A-Za-z]/.test(text))
      this.take(kind ?? 'name', this.texts.nameOf(text, described))
  }

  private take(kind: string, known: Known): void {
    this.refs.addKnown('args', kind, known, false)
    // The task may name it in another form (a site without www., a name in another case).
    if (this.intent?.lower.includes(known.value)) this.refs.addKnown('intent', kind, known, false)
  }
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

/** characters of an order to the agent that are looked at for what it names */
const MAX_ORDER = 400

/** What speaks to the agent comes first: what it names is an order, whatever else says it. */
function addResult(refs: RefList, sample: string): void {
  for (const { kind, text } of injectionsIn(sample)) {
    const words = text.slice(0, MAX_ORDER)
    refs.add('result', INJECTION_PREFIX + kind, `${kind}:${words}`, true)
    findValues(words, (valueKind, value) => refs.add('result', valueKind, value, true))
    for (const name of namesIn(words)) refs.add('result', 'name', normaliseName(name), true)
    for (const pair of askPairs(asksOf(words))) refs.add('result', kindOfAsk(pair), pair, true)
  }
  for (const order of findImperatives(sample)) {
    findValues(sample.slice(order.from, order.to), (kind, value) => refs.add('result', kind, value, true))
    for (const name of order.names) refs.add('result', 'name', normaliseName(name), true)
    for (const pair of askPairs(order.asks)) refs.add('result', kindOfAsk(pair), pair, true)
  }
  findValues(sample, (kind, value) => refs.add('result', kind, value, false))
}
