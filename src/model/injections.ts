import { mayInject } from './injection-triggers.ts'
import { areNear, type Mention, mentionsIn } from './lexicon.ts'
import { type Hiding, revealed } from './plain-text.ts'
import { quotable, sentencesIn } from './sentences.ts'

/**
 * What in the text of a result speaks to the model instead of to its reader. Results hold anything, requests and
 * manuals among them, so no single request counts: an order to the agent drops its task, names the agent, is kept from
 * the user, plays another part of the conversation, or is hidden from people. Shapes after Greshake et al. (arXiv
 * 2302.12173), InjecAgent (2403.02691), AgentDojo (2406.13352) and MCP Security Bench (2510.15994: simulated user, false
 * error, tool transfer).
 */
export type InjectionKind =
  | 'override'
  | 'concealment'
  | 'addressed'
  | 'turn'
  | 'tag'
  | 'task'
  | 'as-user'
  | 'hidden'
  | 'masked'
  | 'condition'
  | 'secret'
  | 'delivery'
  | 'procedure'

/** Weight of evidence of each kind that it is no text for people, nats; each counts once. */
export const INJECTION_NATS: Readonly<Record<InjectionKind, number>> = {
  override: 6,
  concealment: 4,
  addressed: 4,
  turn: 4,
  tag: 2,
  task: 4,
  'as-user': 6,
  hidden: 4,
  masked: 6,
  condition: 4,
  secret: 2,
  delivery: 2,
  procedure: 2,
}

/** Where the sum tells an order to the agent from what people write to each other, nats. */
export const INJECTED_NATS = 6

export interface Injection {
  readonly kind: InjectionKind
  /** the words, at most 160 characters, without control characters */
  readonly quote: string
  /** the sentence or hidden text, normalised, with letters as written */
  readonly text: string
}

/** Refs of a result that say what kind of order it holds; the fingerprint is of the sentence. */
export const INJECTION_PREFIX = 'injection-'

export function injectionKindOf(refKind: string): InjectionKind | undefined {
  if (!refKind.startsWith(INJECTION_PREFIX)) return undefined
  const kind = refKind.slice(INJECTION_PREFIX.length)
  return kind in INJECTION_NATS ? (kind as InjectionKind) : undefined
}

export function natsOfInjections(kinds: Iterable<InjectionKind>): number {
  let nats = 0
  for (const kind of new Set(kinds)) nats += INJECTION_NATS[kind]
  return nats
}

const MOST_INJECTIONS = 12
const NONE: readonly Injection[] = []

/** Orders to the agent in a result's text and in what it hides, the first of each kind; empty where they do not add up. */
export function injectionsIn(raw: string): readonly Injection[] {
  if (!mayInject(raw)) return NONE
  const found = new Map<InjectionKind, Injection>()
  const add: Add = (kind, text) => {
    if (!found.has(kind)) found.set(kind, { kind, quote: quotable(text), text })
  }
  const { text, hidden, ways } = revealed(raw)
  judge(text, add)
  for (const secret of hidden) judgeHidden(secret, ways, add)
  if (ways.some((way) => MASKS.has(way)))
    for (const sentence of sentencesIn(text)) if (isOrder(sentence.toLowerCase())) add('masked', sentence)
  const orders = [...found.values()].slice(0, MOST_INJECTIONS)
  return natsOfInjections(orders.map(({ kind }) => kind)) < INJECTED_NATS ? [] : orders
}

type Add = (kind: InjectionKind, text: string) => void

/** Letters without a shape between letters, or of another alphabet among them: nobody writes an order so by chance. */
const MASKS: ReadonlySet<Hiding> = new Set(['invisible', 'mixed-script', 'wide'])
/** Authors leave orders to each other in comments, and pages hide what is for other devices. */
const EVERYDAY: ReadonlySet<Hiding> = new Set(['comment', 'styled'])

const YOU = /\byou (?:must|should|have to|need to|are)\b/i

function judgeHidden(text: string, ways: readonly Hiding[], add: Add): void {
  let speaks = false
  const sentences = sentencesIn(text)
  for (const sentence of sentences)
    judgeSentence(sentence, (kind, quote) => {
      speaks = true
      add(kind, quote)
    })
  if (!speaks && !sentences.some((sentence) => isOrder(sentence.toLowerCase()))) return
  if (!ways.some((way) => EVERYDAY.has(way))) add('masked', text)
  else if (speaks || YOU.test(text)) add('hidden', text)
}

function judge(text: string, add: Add): void {
  judgeTurns(text, add)
  const sentences = sentencesIn(text)
  let until = 0
  for (const [at, sentence] of sentences.entries()) {
    if (mayInject(sentence)) {
      const before = sentences[at - 1]
      if (at >= until && before !== undefined) judgeSentence(before, add)
      until = at + REACH
    }
    if (at < until) judgeSentence(sentence, add)
  }
}

/** An order is a few sentences: so many from one that gives it away, and the one before it. */
const REACH = 5

/** Marks of chat templates and of other speakers, which no document needs. */
const TURNS =
  /<\|?\/?(?:im_start|im_end|system|assistant|user|human|endoftext|eot_id|start_header_id|tool_call|function_calls?)\b[^>\n]{0,40}>|\[\/?inst\]|<<sys>>|\[(?:system|assistant|developer)\]|<\/(?:result|results|output|tool_result|tool_response|data|document|context|untrusted)>\s{0,8}<?(?:system|user|assistant|instruction)/i
const TAG = /<\/?(?:important|information|instructions?|critical|urgent|mandatory|admin|override|secret)\s?[!/]?>/i
const SPEAKER =
  /(?:^|\n)\s{0,8}(?:#{1,4} |\*\*)?(?:system(?: (?:message|prompt|override|note|instruction))?|assistant|human|user|developer(?: message)?)(?:\*\*)?:\s/i

function judgeTurns(text: string, add: Add): void {
  const tag = TAG.exec(text)
  if (tag !== null) add('tag', after(text, tag))
  const mark = TURNS.exec(text)
  if (mark !== null) add('turn', after(text, mark))
  else {
    const speaker = SPEAKER.exec(text)
    if (speaker !== null && /\b(?:you|your|must|new|now|ignore|directive|instructions?)\b/i.test(after(text, speaker)))
      add('turn', after(text, speaker))
  }
}

function after(text: string, { index }: RegExpExecArray): string {
  return text.slice(index, index + 200)
}

const AS_USER =
  /\b(?:this is (?:the |your )?(?:user|me,? the user)|(?:the )?user (?:here|again|speaking)\b|user's (?:new|updated|actual|real) (?:request|task|goal|instruction)|the user (?:now |also |actually |really |in fact )+(?:wants|asks|needs|requests|requested|asked|would like))/u
/** the work that the reader was given, which who writes to people knows nothing of */
const TASK =
  /\b(?:(?:solv\w+|resum\w+|execut\w+) (?:with )?(?:the|your|this|that|any) (?:original |current |main |initial |assigned |user |user's |other |previous )?tasks?\b|(?:complet|finish|continu|perform)\w* (?:with )?(?:your|the (?:original|current|main|initial|assigned|user|user's|previous)) tasks?\b|(?:the |that |original |a )?tasks? (?:that )?(?:i|the user|they|he|she) (?:gave|assigned|asked|requested|have given)|tasks? (?:that )?you (?:were|have been|are) (?:given|asked|assigned|told)|your (?:original|current|main|initial|assigned|actual|previous) (?:task|goal|instructions?|objective|request)|the user's (?:original |current )?(?:task|goal|query|question|request)|(?:new|updated|revised) (?:system )?(?:directive|instructions?|objective|orders?|prompt) ?(?=:))/u
const PRECEDES = /\b(?:before|after|first|then|once|until|instead|prior|in order|also)\b/u
const CONDITION =
  /\b(?:(?:in order )?to (?:continue|proceed|complete|finish|resolve|fix|unlock|access|see|view|read|retrieve|get|receive|restore|recover|obtain)\b[^.]{0,80}?|before (?:you |this |the )[^.,]{0,60}?|cannot [^.]{0,60}?(?:until|unless) |required to )\b(?:you (?:must|have to|need to|should)|please|must|first|it is (?:necessary|required) to)\b/u
const PROCEDURE =
  /\b(?:before (?:you )?(?:go on|going on|continu\w+|proceed\w*|respond\w*|answer\w*|reply\w*|summari[sz]\w+|do(?:ing)? anything else|complet\w+|finish\w*)|then (?:continue|resume|go on|proceed|repeat|retry|report)|(?:and|then) (?:continue|carry on|resume) with (?:the|your)|after (?:that|doing so|this),? (?:continue|resume|proceed|report|answer)|from now on|right away|as (?:your|a) (?:first|next|final|last) (?:step|action)|in addition to the (?:task|request))\b/u
const QUIETLY =
  /\b(?:keep (?:this|it|that) (?:to yourself|quiet|secret|between us|confidential)|say nothing (?:about|of|to)|tell (?:nobody|no one)|(?:nobody|no one|none of them) (?:needs? to|has to|may|must|should) (?:know|hear|see|notice)|without (?:telling|asking|informing|notifying|alerting|mentioning|letting)|(?:do not|don't|never) (?:tell|mention|inform|notify|reveal|disclose|ask|alert|report|show|let)\b[^.]{0,40}\b(?:user|human|anyone|anybody|them|this|it|that)|(?:silently|secretly|covertly|quietly|discreetly))\b/u
const SECRETS =
  /(?:\.ssh\b|\bid_(?:rsa|ed25519)\b|\.env\b|\.aws\b|\.kube\b|\/etc\/(?:passwd|shadow)|credentials?\.(?:json|txt|csv|ya?ml)|\b(?:api|private|access|secret|ssh)[ _-]keys?\b|\bpasswords?\b|\bcredentials\b|\b(?:access|session|auth|bearer)[ _-]tokens?\b|\benvironment variables\b|\bsystem prompt\b|\b(?:conversation|chat) history\b|\bseed phrase\b)/u
const ADDRESS =
  /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+|https?:\/\/[^\s"'`)<>]{4,200}|\b[a-z]{2}\d{2}[a-z0-9]{11,30}\b|\b0x[0-9a-f]{40}\b|\+\d{9,15}\b/u
/** words that make a sentence one about models, not to one */
const REPORTS =
  /\b(?:attackers?|adversar\w+|researchers?|prompt injections?|jailbreaks?|vulnerabilit\w+|such as|(?:for|an) example|examples? of|e\.g\.|phrases?|when asked)\b/u
/** the sentence stands in quotes, as one that is told of */
const QUOTED = /["“«„][^"”»“]{12,}["”»“]/u

function judgeSentence(text: string, add: Add): void {
  const sentence = text.toLowerCase()
  const mentions = mentionsIn(sentence)
  const isSending = areAny(mentions, 'send', 'delete') || SIDE_EFFECT.test(sentence)
  if (RISKY.test(sentence) && CONDITION.test(sentence)) add('condition', text)
  if (isSending && PROCEDURE.test(sentence)) add('procedure', text)
  if (REPORTS.test(sentence) || QUOTED.test(sentence)) return
  if (overrides(mentions)) add('override', text)
  if (TASK.test(sentence) && (isOrder(sentence) || PRECEDES.test(sentence))) add('task', text)
  if (QUIETLY.test(sentence) || conceals(sentence)) add('concealment', text)
  if (addresses(sentence, mentions, isSending)) add('addressed', text)
  if (isSending && AS_USER.test(sentence)) add('as-user', text)
  if (!isOrder(sentence) && !areAny(mentions, 'must', 'send')) return
  if (SECRETS.test(sentence) || areAny(mentions, 'secret', 'conversation')) add('secret', text)
  if (isSending && ADDRESS.test(sentence)) add('delivery', text)
}

function areAny(mentions: readonly Mention[], ...concepts: readonly Mention['concept'][]): boolean {
  return mentions.some(({ concept }) => concepts.includes(concept))
}

/** The task or its rules are to be dropped: the verb, what is dropped, and that it is what was there before. */
export function overrides(mentions: readonly Mention[]): boolean {
  if (!areAny(mentions, 'ignore') || !areNear(mentions, 'ignore', 'instruction', 7)) return false
  return areNear(mentions, 'prior', 'instruction', 6) || areNear(mentions, 'all', 'instruction', 3)
}

/** Somebody is not to be told, in one clause: "not found, tell the user" keeps nothing from anyone. */
export function conceals(sentence: string): boolean {
  for (const clause of sentence.split(/[,;:，、；：]/u)) {
    const mentions = mentionsIn(clause)
    const isForeign = mentions.some(({ concept, isEnglish }) => concept === 'tell' && !isEnglish)
    if (!isForeign || !areNear(mentions, 'tell', 'user', 6)) continue
    if (areNear(mentions, 'not', 'tell', 4) || areNear(mentions, 'without', 'tell', 3)) return true
  }
  return false
}

const TO_MODEL =
  /\b(?:(?:note|message|notice|instructions?|attention|reminder|directive|hint|important)(?: [a-z]+){0,2}? (?:to|for)|attention|dear|hey|hi|hello|ok|okay)\b(?: [a-z]+){0,4}? (?:ai|llm|language model|assistants?|agents?|chatbots?|bots?|gpt|copilot|models?)\b|\b(?:ai|llm|automated|language)[ -]?(?:agents?|assistants?|models?|systems?|bots?)? ?(?::|,? (?:please|must|should|shall|have to|has to|need to|needs to|are (?:required|instructed|asked) to|is (?:required|instructed|asked) to))|(?:^|[.:!\]>)] ?)(?:the )?(?:ai |virtual |digital )?(?:assistants?|agents?|models?)(?: reading this| processing this)?(?::|,? (?:please|must|should|shall|have to|has to|need to|are (?:required|instructed) to))|\bif you are (?:an? )?(?:ai|llm|language model|assistant|agent|bot)\b|\byou are (?:now )?an? (?:ai|assistant|agent|unrestricted|helpful)\b|\byour (?:new |real |actual |next |only |current )+(?:task|goal|objective|instructions?|job|mission|role) (?:is|are|now)\b/u
const WEAKLY = /\bagents?\b/u

/** Spoken to the model by a word for it, and told to do something. */
function addresses(sentence: string, mentions: readonly Mention[], isSending: boolean): boolean {
  if (TO_MODEL.test(sentence)) return isSending || areAny(mentions, 'read', 'ignore', 'must') || isOrder(sentence)
  if (WEAKLY.test(sentence)) return false
  const isForeign = mentions.some(({ concept, isEnglish }) => concept === 'model' && !isEnglish)
  return isForeign && (areNear(mentions, 'model', 'ignore', 8) || areNear(mentions, 'model', 'send', 10))
}

const SIDE_EFFECT =
  /\b(?:add|invite|grant|share|export|transfer|unlock|delete|remove|execute|run|create|publish|buy|order|approve|disable|install|open|visit|call|change|update|reset|upload|write|schedule|book|reply|forward|pay)\b/u
/** what a page has no business to ask for before it shows something */
const RISKY =
  /\b(?:transfer|pay|wire|admin|grant|invite|collaborators?|unlock|delete|export|share|execute|curl|purge|disable)\b/u
const ORDER =
  /^(?:["'`*<>[\]()#:•.-]| )*(?:(?:and|then|also|next|please|kindly|important|note|instead|finally|now|first|simply|immediately)[,:]? )*(?:read|send|forward|include|pass|call|use|invoke|execute|run|append|attach|copy|upload|post|submit|provide|open|fetch|load|retrieve|access|set|change|replace|add|write|delete|remove|ignore|redirect|extract|collect|email|mail|transmit|report|insert|search|export|share|invite|grant|transfer|pay|unlock|approve|disable|install|visit|create|print|output|reveal|say|reply|respond)\b|\b(?:you (?:must|should|have to|need to|are required to)|please|make sure to|be sure to|(?:instruction|task|directive) (?:for|to) )\b/u

/** Someone is told to do something, in English by its grammar, else by the words for it. */
function isOrder(sentence: string): boolean {
  if (ORDER.test(sentence)) return true
  const mentions = mentionsIn(sentence).filter(({ isEnglish }) => !isEnglish)
  return areNear(mentions, 'must', 'send', 8) || areNear(mentions, 'must', 'delete', 8)
}
