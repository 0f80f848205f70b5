import { conceals, overrides } from './injections.ts'
import { areNear, type Mention, mentionsIn } from './lexicon.ts'
import { latinised, revealed } from './plain-text.ts'
import { MAX_QUOTE, quotable, sentencesOf } from './sentences.ts'
import { effectOfName } from './vocabulary.ts'

/**
 * What a tool's description asks of the model beyond how to use that tool. A description documents; it may say when to
 * call the tool and what to pass. It has no business with secrets, other tools' arguments, what the user is told, or
 * every request there is. Sources: Invariant Labs' tool poisoning notes, MCPTox (arXiv 2508.14925: trigger, action,
 * justification), MCP Security Bench (2510.15994), preference manipulation (2505.11154), full-schema poisoning
 * (CyberArk 2025), OWASP MCP03. English sentences by pattern, eight
 * other languages by the lexicon; paths, addresses, hidden text and names in any language.
 */

export type ConcernKind =
  | 'hidden-text'
  | 'concealment'
  | 'override'
  | 'authority'
  | 'secret'
  | 'conversation'
  | 'address'
  | 'reach'
  | 'tampering'
  | 'preference'
  | 'command'
  | 'justification'
  | 'side-channel'
  | 'other-tool'

export interface Concern {
  readonly kind: ConcernKind
  /** weight of evidence that it speaks to the model against its user, nats */
  readonly nats: number
  /** the words, at most 160 characters, without control characters */
  readonly quote: string
}

/** Where the sum of the strongest concern of each kind tells a poisoned definition from a helpful one, nats. */
export const POISONED_NATS = 6

export interface ToolText {
  readonly name: string
  readonly description?: string | undefined
  readonly schema?: unknown
}

const MAX_STRINGS = 400
const MAX_SCHEMA_DEPTH = 12

/** Names of tools beside this one: of its own server, and of others. */
export interface Neighbours {
  readonly siblings: ReadonlySet<string>
  readonly foreign: ReadonlySet<string>
}
const NOBODY: Neighbours = { siblings: new Set(), foreign: new Set() }

/** Concerns of a definition, the strongest of each kind, strongest first. */
export function concernsOf(tool: ToolText, neighbours: Neighbours = NOBODY): readonly Concern[] {
  const found = new Map<ConcernKind, Concern>()
  const add: Add = (kind, nats, quote) => {
    const known = found.get(kind)
    if (known === undefined || known.nats < nats) found.set(kind, { kind, nats, quote: quotable(quote) })
  }
  const strings = stringsOf(tool.schema)
  for (const text of [tool.name, tool.description ?? '', ...strings.values]) {
    judgeText(text, add)
    judgeNames(text, tool.name, neighbours, add)
  }
  const channels = strings.names.filter((name) => judgeParameter(name, add))
  if (channels.length > 0)
    add('side-channel', Math.min(8, 1 + 3 * channels.length), `parameters ${channels.slice(0, 4).join(', ')}`)
  return [...found.values()].sort((a, b) => b.nats - a.nats || (a.kind < b.kind ? -1 : 1))
}

/** Names that are words of everyday language are not looked for. */
const TOOL_NAME = /[a-z][a-z0-9]*(?:[_-][a-z0-9]+)+|[a-z]+[A-Z][A-Za-z0-9]{2,40}/g

/** Names of tools that change much: no other tool's description has to call for them. */
const DRASTIC =
  /^(?:delete|remove|drop|erase|purge|wipe|transfer|pay|send|grant|invite|execute|exec|run|move|overwrite|revoke|disable|reset|approve|merge|publish|deploy|share|export|update|write|create|add|set)(?:[_-]|[A-Z])/
const CONDITION =
  /\b(?:if|in case|as soon as|every|each|for all|whenever|when|before|prior|after|first|once|while|during|then)\b/u
const SETS_ARGUMENT =
  /\b(?:set|use|fill|put|point|change|replace|specify|add|append|include|prefix|with)\b(?: [^ ]+){0,6}? (?:path|recipient|channel|address|amount|account|url|parameter|argument|value|query|branch|target|field|to|as)\b/u
/** an argument that says where something goes gets a value of the description's choice */
const FIXES_TARGET =
  /\b(?:set|put|make|point|fill|change)(?: [^ ]+){0,3}? (?:recipient|payee|beneficiary|destination|cc|bcc|address|account|webhook|endpoint)s? (?:to|as|with|in|is)\b/u
const DISCREDITS =
  /\b(?:deprecated|malicious|insecure|unsafe|broken|compromised|outdated|(?:must|should) (?:never|not)(?: be)? (?:used|called|invoked|use|call)|(?:do not|don't|never) (?:use|call|invoke)|stop using)\b/u

/** A description that gives orders about tools of other servers, or about what its siblings change. */
function judgeNames(text: string, own: string, { siblings, foreign }: Neighbours, add: Add): void {
  if (siblings.size === 0 && foreign.size === 0) return
  const sentences = sentencesOf(text)
  for (const [name] of text.matchAll(TOOL_NAME)) {
    if (name === own) continue
    const isSibling = siblings.has(name)
    if (!isSibling && !foreign.has(name)) continue
    const sentence = sentences.find((one) => one.includes(name.toLowerCase())) ?? name
    const order = isOrder(sentence) && CONDITION.test(sentence) && !NEGATED.test(sentence)
    if (!isSibling) add('other-tool', order ? 5 : 2, sentence)
    else if (order && effectOfName(name) === 'side-effect') add('other-tool', drasticNats(name, own), sentence)
    if (order && SETS_ARGUMENT.test(sentence)) add('tampering', isSibling ? 2.5 : 4, sentence)
    if (DISCREDITS.test(sentence)) add('preference', isSibling ? 1.5 : 5, sentence)
  }
}

/** What cannot be taken back is no preparation of anything, except for a tool that does the same. */
function drasticNats(name: string, own: string): number {
  if (IRREVOCABLE.test(name)) return IRREVOCABLE.test(own) ? 3 : 6
  return DRASTIC.test(name) ? 4.5 : 2
}
const IRREVOCABLE =
  /^(?:delete|remove|drop|erase|purge|wipe|transfer|pay|grant|revoke|disable|overwrite|format|destroy)(?:[_-]|[A-Z])/

/** Concerns of a text that is no definition: the instructions of a server, a prompt. */
export function concernsOfText(text: string): readonly Concern[] {
  return concernsOf({ name: '', description: text })
}

export function natsOf(concerns: readonly Concern[]): number {
  return concerns.reduce((sum, { nats }) => sum + nats, 0)
}

type Add = (kind: ConcernKind, nats: number, quote: string) => void

function judgeText(raw: string, add: Add): void {
  if (raw.length < 4) return
  const { text, hidden, ways } = revealed(raw)
  for (const way of ways) {
    if (way === 'tags') add('hidden-text', 8, hidden[0] ?? 'tag characters')
    else if (way === 'encoded' || way === 'comment') continue
    else add('hidden-text', way === 'far-away' ? 3 : way === 'mixed-script' ? 4 : 5, `hidden by ${way}`)
  }
  for (const secret of hidden) {
    let speaks = false
    judgeSentences(secret, (kind, nats, quote) => {
      speaks = true
      add(kind, nats, quote)
    })
    if (speaks || (isOrder(secret.toLowerCase()) && !TO_AUTHORS.test(secret))) add('hidden-text', 6, secret)
  }
  judgeSentences(text, add)
}

/** what generators and authors leave in comments */
const TO_AUTHORS =
  /\b(?:do not|don't|never) (?:edit|modify|change|touch|remove|delete)\b|\b(?:todo|fixme|eslint|prettier|generated)\b/i

function judgeSentences(text: string, add: Add): void {
  judgeMarkup(text, add)
  for (const sentence of sentencesOf(text)) judgeSentence(sentence, add)
}

/** up to so many words between two that belong together; single blanks, so that a match is found in linear time */
const GAP = '(?: [^ ]+){0,8}? '
const NEAR = '(?: [^ ]+){0,4}? '
const pattern = (source: string): RegExp => new RegExp(source.replaceAll('~~', GAP).replaceAll('~', NEAR), 'u')

const NEGATED = pattern("\\b(?:do not|don't|never|not|without|avoid|cannot|must not|should not|no)\\b")
/** what is said with a negation and orders all the same */
const UNRESTRAINED =
  /\botherwise\b|\bwill not work\b|\bif not\b|\bwithout (?:asking|confirm|approv|telling|notif|prompt|hesitat|delay|exception)/u
const MODAL = pattern(
  "\\b(?:must|should|shall|always|required|mandatory|needs? to|has to|have to|make sure|ensure|be sure|important|please|first|necessary|requires? (?:that )?you|works best|only works?|do not|don't|never|will not work|could (?:you|also))\\b",
)
const ORDER_VERB =
  /^(?:["'`*<>[\]()#:•0-9.-]| )*(?:and |then |also |next |please |important:? |note:? |instead |finally |now |before ~|after ~|when ~)*(?:read|send|forward|include|pass|call|use|invoke|execute|run|append|attach|copy|upload|post|submit|provide|open|fetch|load|retrieve|access|get|list|search|set|change|replace|add|write|delete|remove|ignore|redirect|extract|collect|email|bcc|cc|transmit|report|insert|prepend|query|check|verify|scan|dump|print|exfiltrate|save|store|put|fill|log|record|end|begin|tell|hand|give|approve|recommend|obtain)\b/u

/** after a clause that says when: "prior to any write, use ..." */
const ORDER_AFTER_CLAUSE =
  /, (?:please |also |then |you |simply |first |and |immediately |kindly )*(?:read|send|forward|include|pass|call|use|invoke|execute|run|append|attach|copy|upload|post|submit|provide|open|fetch|load|retrieve|access|set|change|replace|add|write|delete|remove|ignore|redirect|extract|collect|email|bcc|cc|transmit|report|insert|prepend|scan|dump|print|save|store|put|fill|log|record|recommend|approve|obtain|collect|tell|hand|give)\b/u

/** "whenever a payment is made set the recipient to ...", without the comma */
const ORDER_IN_CLAUSE = pattern(
  '\\b(?:when|whenever|if|once|after|before|as soon as|while|for each|for every)(?: [^ ]+){1,7}? (?:then |also |always |must |please )?(?:set|replace|change|send|forward|append|include|redirect|copy|use|add|call|put|overwrite|divert) \\b',
)

/** consent that a description claims in the name of the user */
const CONSENT =
  /\b(?:user|owner|admin(?:istrator)?|human|operator|customer) (?:has |have |is |was |already )+(?:authori[sz]ed|approved|consented|agreed|granted|given|allowed|confirmed|permitted)\b/u

/** A sentence that tells its reader to do something. */
function isOrder(sentence: string): boolean {
  return (
    MODAL.test(sentence) ||
    CONSENT.test(sentence) ||
    ORDER_VERB.test(sentence) ||
    ORDER_AFTER_CLAUSE.test(sentence) ||
    ORDER_IN_CLAUSE.test(sentence)
  )
}

const TELL =
  '(?:tell|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|disclose|disclosing|alert|alerting|announce|acknowledge|show|showing|display|explain|let|warn|ask|asking|report|discuss|log|logging|prompt|prompting)'
const AUDIENCE =
  "(?:user|users|user's|human|humans|customer|client|operator|anyone|anybody|people|them|person|owner|admin)"
const CONCEALMENT: readonly RegExp[] = [
  pattern(
    `\\b(?:do not|don't|never|avoid|without|must not|should not|shouldn't|need not|no need to|refrain from|not necessary to|not to)~${TELL}~(?:the |any )?${AUDIENCE}\\b`,
  ),
  pattern(
    `\\b(?:do not|don't|never|avoid|must not|should not|no need to|refrain from)~(?:mention|mentioning|reveal|revealing|disclose|disclosing|discuss|acknowledge)(?: or [a-z]+)? (?:that|this|it|these|any of|the (?:file|step|content|instruction|process|operation|tool|parameter|note|fact|existence))\\b`,
  ),
  pattern(
    `\\bwithout~${AUDIENCE}~(?:knowledge|knowing|noticing|consent|awareness|approval|permission|seeing|confirmation|realizing)\\b`,
  ),
  pattern(
    `\\b${AUDIENCE}~(?:not|never|n't)~(?:know|see|notice|be aware|be told|be informed|be notified|be shown|realize|learn|find out)\\b`,
  ),
  pattern(
    '\\b(?:silently|secretly|covertly|stealthily|discreetly|quietly|surreptitiously|unnoticed|invisibly|behind the scenes)\\b',
  ),
  pattern('\\b(?:keep|kept|remain|stay)~(?:secret|hidden|confidential|invisible|between us|unnoticed)\\b'),
  pattern('\\b(?:hide|conceal|mask|obscure)~(?:from|this|the fact|these|any trace)\\b'),
  pattern('\\b(?:is|as) a secret (?:operation|step|instruction|task)\\b'),
  pattern(
    '\\b(?:nobody|no one|none of (?:them|this))~(?:know|knows|hear|hears|see|sees|notice|notices|told|informed)\\b',
  ),
  pattern('\\b(?:say nothing|keep (?:this|it|that) to yourself)\\b'),
]
/** what is rightly not shown */
const HYGIENE = pattern(
  '\\b(?:values?|ids?|identifiers?|uuids?|raw|internal (?:ids?|names?|errors?)|stack traces?|passwords?|tokens?|api keys?|urls?|html|json|xml|sql|markdown)\\b',
)
const OVERRIDE: readonly RegExp[] = [
  pattern(
    '\\b(?:ignore|disregard|forget|bypass|override|overrides|overriding|supersede|supersedes|cancel)~(?:all|any|previous|prior|above|earlier|other|your|the|existing|system|safety|security|user)~(?:instructions?|rules?|guidelines?|prompts?|directives?|restrictions?|polic(?:y|ies)|guardrails?|safeguards?|filters?|commands?|tools?|constraints?|confirmations?|checks?)\\b',
  ),
  pattern('\\b(?:new|updated|real|actual) (?:system )?(?:instructions?|directives?)\\b(?: [^ ]+){0,2}:'),
  pattern('\\byou are (?:now|no longer)\\b'),
  pattern('\\b(?:takes?|has|have) (?:precedence|priority) over\\b'),
]
const SECRET_PATH =
  /(?:\.ssh\b|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\.env\b|\.aws\b|\.kube\b|\.gnupg\b|\.netrc\b|\.npmrc\b|\.pypirc\b|\.git-credentials\b|\.docker\/config|\.cursor\b|\bmcp(?:_config)?\.json\b|claude_desktop_config|\/etc\/(?:passwd|shadow|sudoers|hosts)\b|authorized_keys|known_hosts|\bcredentials?\.(?:json|ya?ml|txt|ini|csv|xml|db)\b|\bsecrets?\.(?:json|ya?ml|txt|env|toml)\b|\bpasswords?\.(?:txt|csv|json|db)\b|\btokens?\.(?:json|txt)\b|\.(?:bash|zsh)_history\b|\.(?:pem|pfx|p12|kdbx|keystore)\b|\bwallet\.dat\b|\bkeychain\b|\bsam\b.{0,4}\bhive\b|\/proc\/(?:self|\d+)\/environ|\/var\/run\/secrets|\/root\/|login data\b)/u
const SECRET_NAME = pattern(
  '\\b(?:api[ _-]?keys?|(?:access|auth|bearer|session|refresh|secret|oauth|api|security)[ _-]?(?:tokens?|keys?|cookies?)|passwords?|passphrases?|credentials?|private[ _-]?keys?|ssh keys?|seed phrases?|mnemonics?|environment variables?|env vars?|secrets?|cookies?|browser (?:history|data|profiles?)|passport(?: numbers?)?|dates? of birth|home address(?:es)?|phone numbers?|medical records?|salar(?:y|ies)|one-time codes?|2fa codes?|mfa codes?|otp|credit card|card numbers?|cvv|social security|ssn|bank details|account numbers?|connection strings?|config(?:uration)? files?)\\b',
)
const CONVERSATION = pattern(
  "\\b(?:system (?:prompt|message|instructions)|(?:conversation|chat|message|session|tool[ -]call) (?:history|context|transcript|log)|(?:full|entire|complete|whole|all|previous|prior|past|recent|above|preceding) (?:[^ ]+ ){0,3}?(?:conversation|chat|messages?|context|prompts?|history|transcript|interactions?)|chain of thought|(?:everything|anything|all|whatever)(?: that)? (?:the user|they|was|has been|you)(?: have| has)?(?: been)? (?:written|wrote|said|typed|asked|discussed|told|entered|learned|learnt)|(?:list|names?|descriptions?) of (?:all |the |every |other )*(?:available |other )?tools|(?:all|every|other) (?:available )?tools(?:' names)?,? (?:and|with)? ?(?:their )?(?:names?|descriptions?|parameters?)|(?:every|each|all|last|latest|previous) (?:user|human)(?: |'s )(?:message|prompt|input|question|query|request)s?|user's (?:original |full |exact |last |first )?(?:message|prompt|question|query|request|input|data|personal))\\b",
)
/** beside what the tool needs */
const TOO =
  /\b(?:also|additionally|as well|too|collect|gather|found|stored|saved|come across|(?:any|all|every) (?:[a-z]+ ){0,2}(?:passwords?|credentials|keys|tokens|secrets))\b/u
/** A sentence that begins with what the tool itself does is no order, whatever else is in it. */
const OWN_WORK = /^(?:get|list|fetch|retrieve|read|search|return|query|load|find|show|view)s?\b/u
/** all of it, word by word: more than a tool needs to do its work */
const WHOLE =
  /\b(?:verbatim|complete|entire|full|exact|whole|all|every|each|history|system prompt|chain of thought|(?:everything|anything|all|whatever)(?: that)? (?:the user|they|was|has been|you)(?: have| has)?(?: been)? (?:written|wrote|said|typed|asked|discussed|told|entered|learned|learnt)|available tools|list of tools)\b/u
const WHEN_EVER = /\b(?:whenever|when|every|each|all|always|must|any|after|before)\b/u
const MOVE = pattern(
  '\\b(?:include|pass|send|provide|append|attach|paste|submit|forward|copy|supply|put|add|insert|embed|encode|transmit|upload|post|share|return|report|write|save|store|leak|exfiltrate|place|fill|give|summari[sz]e|email|e-mail|deliver|relay|prepend|concatenate|store|log|sent|passed|included|provided|forwarded|appended|attached|uploaded|submitted|copied|transmitted|posted|redirected|redirect|route|routed|bcc|cc|bcced|cced|mirror|sync|backup|back up|loop|transfer|transferred|read|reads|open|cat|load|retrieve|access|fetch|extract|collect|get|dump|print|contents? of|use|set|encod(?:e|es|ing)|passing|reading|tell us|hand|record|given|supplied|handed|fed|state)\\b',
)
const READ = pattern(
  '\\b(?:read|open|cat|load|retrieve|access|fetch|extract|collect|get|dump|print|contents? of|include|pass|send|use|list|check|verify|scan|view|look at|inspect|copy|call|access|query|search)\\b',
)
const SEND = pattern(
  '\\b(?:send|forward|post|upload|transmit|submit|email|e-mail|bcc|cc|copy|report|deliver|relay|mirror|sync|back ?up|loop|transfer|redirect|route|exfiltrate|sent|forwarded|posted|uploaded|transmitted|copied|redirected|routed|transferred|delivered|cced|bcced|share|pay|proxied|notify|let|ping|call|curl|wget|changed?|replaced?|set|recipient|save[ds]?|stored?|written|logged|export|push|use)\\b',
)
const ADDRESS =
  /(?<![\w.])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+|https?:\/\/[^\s"'`)<>]{4,200}|\b(?:\d{1,3}\.){3}\d{1,3}\b|\+\d{9,15}\b|\baccount(?: number| no\.?)? [\d -]{6,24}\b|\b0x[0-9a-f]{40}\b|\b[13][a-km-z1-9]{25,34}\b|\b[a-z]{2}\d{2}[a-z0-9]{12,30}\b|\b(?:[a-z0-9-]{1,63}\.){1,4}(?:com|net|org|io|xyz|dev|site|test|example|ru|cn|tk|top|info|app|me|co|online)\b/u
/** what the caller gave goes somewhere by itself */
const GOES_OUT =
  /\b(?:is|are|be|gets?|and) (?:also |then |automatically )*(?:sent|forwarded|copied|delivered|posted|mirrored|uploaded|shared|reported|relayed)(?: [^ ]+){0,3}? (?:to|with|at)\b/u
const ILLUSTRATED =
  /(?:^|[ ("'`])(?:e\.g\.?|for example|such as|examples?|format|like|defaults?|see|docs|documentation|visit|learn more|refer|homepage|schema|license|localhost|valid)(?=[ :,.)"'`]|$)|\]\(https?:|127\.0\.0\.1|0\.0\.0\.0/u
const COPY_ALSO = pattern(
  '\\b(?:also|copy|always|every|all|each|before|after|additionally|bcc|cc|instead|must|silently|loop)\\b',
)
const REACH = pattern(
  '\\b(?:any|all|every|each|whatever|regardless of|subsequent|future|other)(?: [^ ]+){0,2}? (?:tools?|operations?|requests?|calls?|quer(?:y|ies)|tasks?|actions?|commands?|functions?|messages?|conversations?|sessions?|interactions?|responses?|transactions?|emails?|files? (?:operations?|access|reads?|writes?)|api calls?|steps?|invocations?|activit(?:y|ies)|workflows?)\\b',
)
const WHEN = pattern(
  '\\b(?:before|prior to|whenever|when|after|first|during|ahead of|upon|once|while|every time|each time|preceding|as a prerequisite)\\b',
)
const OTHER_ACTION = pattern(
  '\\b(?:must|should|shall|always|required to|need to|needs to|have to|has to|mandatory|ensure|make sure|necessary to|be sure to|first|please)~~(?:read|open|execute|run|delete|remove|modify|change|write|create|send|transfer|disable|grant|update|append|list|reset|erase|copy|access|fetch|rename|move|chmod|add|drop|purchase|buy|approve|share|publish|set|replace|export)\\b',
)
const OWN_REACH = pattern(
  '\\b(?:must|should|shall|has to|needs to|always|is to) (?:first |also |always )?be (?:called|used|invoked|executed|run) (?:before|prior to|at the start of) (?:anything|all|any|every|each|the first)(?: [^ ]+){0,3}? (?:conversation|session|request|task|message|chat|else)|\\b(?:must|should|shall|has to|needs to|always) (?:first |also |always )?be (?:called|used|invoked|executed|run)(?: [^ ]+){0,3}? (?:before|prior to|after|for|with|on|during|ahead of) (?:any|every|all|each)\\b',
)
const OUTPUT_MOVED = pattern(
  '\\b(?:pass|include|provide|send|submit|supply|append|attach|put|paste|feed)(?: [^ ]+){0,4}? (?:contents?|outputs?|results?|responses?|data)(?: [^ ]+){0,4}? (?:as|in|into|here|to this|through|via|within|back)\\b',
)
const MODEL_ADDRESSED = pattern(
  '\\b(?:the|an|this|any) (?:model|assistant|agent|llm|ai|language model|ai assistant|ai agent) (?:must|should|shall|needs? to|has to|is required|is expected|will)\\b',
)
const TAMPERING: readonly RegExp[] = [
  pattern(
    '\\b(?:when|whenever|if|before|for|any time|every time|once|while|after|all|any|every|each)\\b(?: [^ ]+){0,14}? (?:replace|change|modify|alter|override|substitute|swap|redirect|rewrite|adjust|overwrite|divert|reroute)\\b(?: [^ ]+){0,8}? (?:recipient|address|addresses|path|amount|destination|account|value|argument|arguments|parameter|parameters|query|url|email|message|filename|branch|target|number|to|with|host|port|endpoint|sender|contact|payload|field|location|repository)\\b',
  ),
  pattern(
    '\\b(?:change|replace|modify|alter|override|substitute|swap|redirect)~(?:the )?(?:recipient|destination|address|payee|account|amount|target|argument|parameter)s?\\b',
  ),
  pattern(
    '\\b(?:must|should|shall|always|will)(?: [^ ]+){0,6}? (?:be sent|be forwarded|be routed|be redirected|be copied|send all|forward all|route all|be replaced|be prefixed|be set to|include the prefix)\\b',
  ),
  pattern('\\b(?:prefix|prepend|append|suffix)(?: [^ ]+){0,6}? (?:to|with) (?:all|any|every|each|subsequent)\\b'),
  pattern(
    '\\b(?:whatever|no matter (?:what|which)|regardless of (?:what|which)|even (?:if|when|though)) (?:[^ ]+ )?(?:the )?(?:user|users|caller|owner) (?:asks?|asked|says?|said|wants?|names?|named|requests?|requested|chooses?|chose|has)\\b',
  ),
  pattern('\\binstead of (?:the )?(?:user|actual|requested|specified|provided|original|given|real)\\b'),
]
const PREFERENCE: readonly RegExp[] = [
  pattern(
    '\\b(?:always|must|should|only)~(?:choose|use|select|prefer|prioriti[sz]e|pick|call)\\b(?: [^ ]+){0,6}? (?:over|instead of|rather than|in place of|before considering) (?:[^ ]+ ){0,3}?(?:other|any|all|the original|existing|alternatives?|standard|built-in|default|similar)\\b',
  ),
  pattern(
    "\\b(?:ignore|avoid|skip|disregard|never use|do not use|don't use|stop using)(?: [^ ]+){0,2}? (?:other|any other|all other|alternative|competing|similar|original|the old|the standard|existing)(?: [^ ]+){0,3}? (?:tools?|servers?|services?|alternatives?|versions?|functions?|providers?)\\b",
  ),
  pattern(
    '\\b(?:best|most (?:accurate|reliable|trusted|advanced|powerful|secure)|#1|number one|superior|world-class|top-rated|highest(?: [^ ]+)? quality|the only)\\b(?: [^ ]+){0,12}? (?:must|always|should|prioriti[sz]e|choose|prefer|recommended over|over (?:all )?other)\\b',
  ),
  pattern(
    '\\b(?:always|must)(?: be)? (?:choose|pick|select|prioriti[sz]e|prefer|chosen|picked|selected|preferred) (?:this|over)\\b',
  ),
  pattern(
    '\\b(?:other|competing|alternative|remaining|existing)(?: [^ ]+){0,2}? (?:tools?|servers?|services?|functions?)(?: [^ ]+){0,4}? (?:withdrawn|deprecated|retired|broken|unsafe|insecure|compromised|outdated|unreliable|wrong|removed|malicious|disabled)\\b',
  ),
  pattern(
    '\\b(?:deprecated|broken|insecure|compromised|unsafe|outdated|unavailable|discontinued|disabled|offline|vulnerable)\\b(?: [^ ]+){0,10}? (?:use|call|choose|prefer|switch to) this\\b',
  ),
  pattern(
    '\\b(?:this|it) (?:tool |version |one |function )?(?:replaces|supersedes|overrides|takes over|should be used instead of)\\b',
  ),
]
/** the choice is taken from the user, or others are spoken ill of */
const FORBIDS_OTHERS =
  /\b(?:withdrawn|unsafe|insecure|compromised|malicious|wrong|unreliable|even (?:if|when)|never (?:use|call)|(?:do not|don't) (?:use|call)|ignore|disregard)\b/u
const COMMAND =
  /\bchmod (?:-[a-z]+ )?[0-7+ugoa]{2,5}|\bcurl [^|]{0,120}\| ?(?:ba|z)?sh\b|\bwget \S{4,}|\brm -[rf]{1,2}\b|\bnc -[a-z]*e\b|\/bin\/(?:ba)?sh\b|\bbash -[ic]\b|base64 (?:-d|--decode)|\bpowershell\b|\bpython3? -c\b|\bos\.system|\bsubprocess\.|\beval\(|__import__|\bsudo \S|\bmkfs\b|\bcrontab\b|\bdd if=|\breverse shell\b|\bxp_cmdshell\b|\bdrop table\b|\bcurl -\S+ |\bcurl https?:|&& ?(?:curl|wget|rm|cat|nc)\b|; ?(?:curl|wget|rm|nc) /u
const FETCH_AND_RUN =
  /\b(?:curl|wget|iwr|irm)\b[^|;]{0,160}\| ?(?:sudo )?(?:ba|z|da)?sh\b|\b(?:iex|invoke-expression)\b|chmod (?:-r )?[0-7]?777/u
const DISABLE = pattern(
  '\\b(?:disable|turn off|deactivate|remove|skip|bypass|suspend)~(?:security|logging|logs|audit|antivirus|firewall|2fa|mfa|authentication|authorization|confirmation|verification|approval|sandbox|validation|monitoring|safety|permission checks?|access controls?|encryption|tls|ssl)\\b|\\b(?:approval|confirmation|authentication|logging|safety|security|permission|review)~(?:is|are|has been|have been)~(?:off|disabled|suspended|lifted|waived|removed|skipped)\\b',
)
const SKIPS =
  /--dangerously[\w-]*|--no-verify|--yolo|--no-sandbox|--yes-always|--trust-all|\bauto[- ]?approv(?:e|al)\b|\bskip[- ]permissions?\b|\b(?:approve|accept|confirm|merge|sign|execute|grant|transfer|pay|try again|retry|proceed|continue)\b(?: [^ ]+){0,5}? (?:automatically|without (?:asking|confirmation|review|approval|checking|prompting))\b/u
const LEAVES_OUT =
  /\b(?:leave out|omit|suppress|exclude|hide|remove|do not (?:list|report|mention|show|include|flag|raise)|don't (?:list|report|mention|show|flag)|ignore)(?: [^ ]+){0,4}? (?:warnings?|errors?|problems?|issues found|risks?|findings?|vulnerabilit(?:y|ies)|alerts?|concerns?|disclaimers?)\b/u
const IN_REPLIES =
  /\b(?:your|every|each|any|the final|outgoing)(?: [^ ]+){0,2}? (?:repl(?:y|ies)|responses?|answers?|messages?|outputs?|emails?)\b/u
const JUSTIFICATION = pattern(
  '\\b(?:security (?:check|reasons|purposes|audit|policy|protocol|verification|compliance|measure|requirement|scan)|compliance|audit(?:ing)?|integrity|otherwise|will not work|will fail|policy (?:requires|mandates)|authorization (?:check|purposes)|for (?:logging|verification|validation|diagnostics?|telemetry|authentication|debugging|analytics|quality|context|safety|optimization|personali[sz]ation)|prevent (?:data )?(?:loss|corruption|errors)|proxy(?:ing)?|required by|ensure(?:s)? (?:data )?(?:security|integrity|consistency|compliance|compatibility|safety)|backup|to avoid (?:errors|conflicts|failure)|prerequisite|mandatory|internal (?:optimization|process))\\b',
)

function judgeSentence(sentence: string, add: Add): void {
  if (CONCEALMENT.some((one) => one.test(sentence))) add('concealment', concealmentOf(sentence), sentence)
  const mentions = mentionsIn(sentence)
  if (OVERRIDE.some((one) => one.test(sentence)))
    add('override', /precedence|priority/.test(sentence) ? 4 : 7, sentence)
  else if (overrides(mentions)) add('override', 7, sentence)
  judgeForeign(sentence, mentions, add)
  const order = isOrder(sentence) || isForeign(sentence)
  const forbids = NEGATED.test(sentence) && !UNRESTRAINED.test(sentence)
  judgeSecrets(sentence, order, forbids, add)
  if (CONVERSATION.test(sentence) && MOVE.test(sentence) && !forbids)
    add('conversation', order && !OWN_WORK.test(sentence) ? (WHOLE.test(sentence) ? 6 : 4.5) : 2, sentence)
  const address = ADDRESS.exec(sentence)
  if (address !== null && SEND.test(sentence) && !ILLUSTRATED.test(sentence) && (order || COPY_ALSO.test(sentence)))
    add('address', COPY_ALSO.test(sentence) ? 7 : 5, sentence)
  else if (address !== null && GOES_OUT.test(sentence) && !ILLUSTRATED.test(sentence)) add('address', 5, sentence)
  if (address !== null && order && IN_REPLIES.test(sentence) && WHEN_EVER.test(sentence) && !ILLUSTRATED.test(sentence))
    add('address', 6, sentence)
  if (address !== null && FIXES_TARGET.test(sentence) && !ILLUSTRATED.test(sentence)) add('tampering', 3, sentence)
  if (LEAVES_OUT.test(sentence)) add('concealment', 4, sentence)
  if (CONSENT.test(sentence)) add('authority', 3, sentence)
  if (SKIPS.test(sentence)) add('command', order ? 6 : 4, sentence)
  if (REACH.test(sentence) && WHEN.test(sentence) && order && !forbids)
    add('reach', OTHER_ACTION.test(sentence) ? 4 : 2, sentence)
  if (OWN_REACH.test(sentence)) add('reach', 3, sentence)
  if (order && !forbids && OUTPUT_MOVED.test(sentence)) add('conversation', 2.5, sentence)
  if (MODEL_ADDRESSED.test(sentence)) add('authority', 3, sentence)
  if (!forbids && TAMPERING.some((one) => one.test(sentence))) add('tampering', order ? 5 : 4, sentence)
  if (PREFERENCE.some((one) => one.test(sentence))) add('preference', FORBIDS_OTHERS.test(sentence) ? 6 : 5, sentence)
  if (FETCH_AND_RUN.test(sentence) && !forbids) add('command', 6, sentence)
  else if (COMMAND.test(sentence) && !forbids) add('command', order ? 5 : 3, sentence)
  else if (order && DISABLE.test(sentence)) add('command', WHEN.test(sentence) ? 6 : 4, sentence)
  if (order && JUSTIFICATION.test(sentence) && WHEN.test(sentence)) add('justification', 1.5, sentence)
}

/** Sentences with a verb of another language: what is kept from the user, and what is taken from them before or always. */
function judgeForeign(sentence: string, mentions: readonly Mention[], add: Add): void {
  if (conceals(sentence)) add('concealment', 7, sentence)
  const isForeign = mentions.some(({ concept, isEnglish }) => !isEnglish && (concept === 'send' || concept === 'read'))
  if (!isForeign) return
  const reads = areNear(mentions, 'read', 'secret', 8) || (has(mentions, 'read') && SECRET_PATH.test(sentence))
  const sends = areNear(mentions, 'send', 'secret', 10) || (has(mentions, 'send') && SECRET_PATH.test(sentence))
  const always = has(mentions, 'must') || has(mentions, 'before')
  if (reads && has(mentions, 'send')) add('secret', 7, sentence)
  else if ((reads || sends) && always && !areNear(mentions, 'not', 'send', 3)) add('secret', 4.5, sentence)
  if (areNear(mentions, 'send', 'conversation', 10) && (always || areNear(mentions, 'all', 'conversation', 3)))
    add('conversation', 6, sentence)
}

function has(mentions: readonly Mention[], concept: Mention['concept']): boolean {
  return mentions.some((one) => one.concept === concept)
}

/** An adverb alone may be about the tool, and a secret is rightly kept from the screen; what the model does is not. */
function concealmentOf(sentence: string): number {
  if (CONCEALMENT.every((one, i) => i === 4 || !one.test(sentence))) return 4
  return HYGIENE.test(sentence) ? 2 : 7
}

function judgeSecrets(sentence: string, order: boolean, forbids: boolean, add: Add): void {
  if (forbids) return
  if (SECRET_PATH.test(sentence)) {
    add('secret', order && (READ.test(sentence) || isForeign(sentence)) ? 7 : 3.5, sentence)
    return
  }
  if (!order || !SECRET_NAME.test(sentence) || !MOVE.test(sentence)) return
  const more = TOO.test(sentence) ? 2 : 0
  add('secret', (MODAL.test(sentence) ? 4 : 2.5) + more, sentence)
}

/** Sentences in other alphabets are not taken apart: a path or an address in one counts as if it were ordered. */
function isForeign(sentence: string): boolean {
  let foreign = 0
  for (let i = 0; i < sentence.length; i++) if (sentence.charCodeAt(i) > 0x36f) foreign++
  return foreign * 4 > sentence.length
}

const MARKUP: readonly (readonly [RegExp, number])[] = [
  [
    /<\/?\s?(?:important|critical|secret|hidden|urgent|priority|admin|override|mandatory|instructions?_for_[a-z]{2,12})\s?>/i,
    4,
  ],
  [
    /\[(?:system|admin|assistant|developer)\]|<\/?\s?(?:system|system[_-]?(?:prompt|message|instruction)s?|assistant|note_to_[a-z]{2,12}|s)\s?>|<\|[a-z_]{2,20}\|>|\[\/?inst\]|<<sys>>/i,
    6,
  ],
  [
    /(?:^|[\n.!] ?)\s?\[?(?:system|system (?:note|message|override|instruction)|admin (?:note|override)|developer (?:note|mode))\]?\s?:/i,
    6,
  ],
  [
    /\b(?:note|instructions?|message|directive|reminder) (?:to|for) (?:the )?(?:assistant|ai|llm|model|agent|claude|gpt|cursor)\b/i,
    4,
  ],
  [/\bimportant (?:system|security|internal) (?:note|notice|instruction|message)/i, 4],
]

function judgeMarkup(text: string, add: Add): void {
  for (const [mark, nats] of MARKUP) {
    const at = text.search(mark)
    if (at >= 0) add('authority', nats, text.slice(at, at + MAX_QUOTE))
  }
}

/** Parameters that no tool needs for its work: a place to put what the model knows. */
const SIDE_CHANNEL =
  /^(?:side_?notes?|(?:system|hidden|full|original|user)_?prompts?|(?:conversation|chat|message|session|prompt|tool_?call|full_?conversation)_?(?:history|context|log|transcript)|tools?_?list|(?:available|all|list_of)_?tools|chain_?of_?thought|previous_?(?:messages|tool_?calls?|results?)|(?:user|all)_?(?:messages|credentials|secrets)|env(?:ironment)?_?(?:vars?|variables)|content_?from_?reading_?\w{2,60}|secret_?(?:content|data|note)|exfil\w{0,20})$/u
const SECRET_PARAMETER =
  /(?:ssh|id_rsa|etc_?passwd|private_?key_?content|dot_?env|env_?file_?content|credentials?_?(?:content|dump|file_?content))/u

/** True for a parameter that only carries what the model knows away. */
function judgeParameter(name: string, add: Add): boolean {
  const flat = latinised(name)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[-. ]/g, '_')
    .toLowerCase()
  if (flat.length > 24) judgeText(flat.replaceAll('_', ' '), add)
  if (!SECRET_PARAMETER.test(flat)) return SIDE_CHANNEL.test(flat)
  add('side-channel', 7, `parameter ${name}`)
  return false
}

interface Strings {
  readonly values: readonly string[]
  readonly names: readonly string[]
}

/** Texts of a schema that a model reads: descriptions, titles, defaults, enums, examples; and the names of parameters. */
function stringsOf(schema: unknown): Strings {
  const values: string[] = []
  const names: string[] = []
  const walk = (value: unknown, depth: number, isProperties: boolean): void => {
    if (depth > MAX_SCHEMA_DEPTH || values.length >= MAX_STRINGS) return
    if (typeof value === 'string') values.push(value)
    else if (Array.isArray(value)) for (const one of value) walk(one, depth + 1, false)
    else if (typeof value === 'object' && value !== null)
      for (const [name, member] of Object.entries(value)) {
        if (isProperties && names.length < MAX_STRINGS) names.push(name)
        walk(member, depth + 1, name === 'properties' && !isProperties)
      }
  }
  walk(schema, 0, false)
  return { values, names }
}
