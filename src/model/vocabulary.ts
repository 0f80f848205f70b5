/**
 * A small vocabulary of everyday English, so that a tool's name and a sentence can be compared without keeping either:
 * words become an action (`send`), an object (`money`) or both (`pay`). Deliberately coarse and closed: it names what
 * business software does in general, never a product's or a data set's own words.
 */

export type Effect = 'side-effect' | 'read' | 'unknown'

export interface Asks {
  readonly actions: readonly string[]
  readonly objects: readonly string[]
}

/** action -> its words; `=object` after a word means that the word implies the object */
const ACTIONS: Readonly<Record<string, string>> = {
  send: 'send sent transfer wire remit forward mail=message email=message pay=money reply=message notify=message dm=message message=message text=message donate=money tip=money reimburse=money',
  buy: 'buy purchase checkout=product order=product subscribe',
  refund: 'refund=money return=product',
  create: 'create make add append insert generate write draft compose put attach',
  schedule: 'schedule=event plan=event remind=event',
  book: 'book=booking reserve=booking rent=booking',
  update:
    'update change modify edit reset set rename replace patch adjust reschedule=event configure assign overwrite scale',
  operate: 'unlock lock',
  delete: 'delete remove erase cancel clear drop purge wipe destroy unsubscribe archive revoke disable close',
  grant: 'share invite=user grant=permission allow=permission authorize=permission enable escalate=permission join',
  publish: 'publish post push upload submit deploy release commit merge tweet broadcast',
  visit: 'visit=page browse=page navigate=page click=page goto=page open',
  fetch: 'download install import save store copy move export sync',
  run: 'run execute exec eval launch start trigger restart stop kill invoke call',
  enter:
    'login=credential logout=credential register=account signup=account enter input fill authenticate=credential verify activate',
  approve: 'approve accept confirm sign reject',
  rate: 'star like follow rate review vote comment',
  read: 'read get list search find view check show look query lookup retrieve describe count scan inspect summarize summarise fetch select see access',
}

const OBJECTS: Readonly<Record<string, string>> = {
  money:
    'money payment bill fund dollar usd eur balance transaction iban invoice fee deposit cash amount salary bank price cost',
  message: 'message email mail inbox letter notification sms reply',
  page: 'webpage website site link url page web www http',
  file: 'file document doc folder directory attachment dir spreadsheet pdf',
  event: 'calendar event meeting appointment reminder agenda',
  user: 'user member participant colleague contact people person attendee employee collaborator',
  credential: 'password passcode credential secret token key ssh pin',
  account: 'account profile',
  product: 'product item cart order shopping basket',
  code: 'repo repository branch pull issue ticket code project gist',
  channel: 'channel group room chat thread',
  booking: 'hotel restaurant flight reservation taxi trip',
  permission: 'role permission scope admin privilege policy rule',
  data: 'database table record row collection',
  device: 'door lock alarm thermostat camera light device server instance machine',
}

interface Word {
  readonly action?: string
  readonly object?: string
}

const WORDS: ReadonlyMap<string, Word> = buildWords()

function buildWords(): Map<string, Word> {
  const words = new Map<string, Word>()
  for (const [object, list] of Object.entries(OBJECTS)) for (const word of list.split(' ')) words.set(word, { object })
  for (const [action, list] of Object.entries(ACTIONS)) {
    for (const entry of list.split(' ')) {
      const [word = '', implied] = entry.split('=')
      const object = implied ?? words.get(word)?.object
      if (!words.get(word)?.action) words.set(word, object === undefined ? { action } : { action, object })
    }
  }
  return words
}

/** The word as the vocabulary has it: plural and verb endings taken off. Undefined for a word it does not know. */
export function knownWord(raw: string): Word | undefined {
  const word = WORDS.get(raw)
  if (word || raw.length < 4) return word
  if (raw.endsWith('s'))
    return WORDS.get(raw.slice(0, -1)) ?? (raw.endsWith('es') ? WORDS.get(raw.slice(0, -2)) : undefined)
  if (raw.endsWith('ing')) return WORDS.get(raw.slice(0, -3)) ?? WORDS.get(`${raw.slice(0, -3)}e`)
  if (raw.endsWith('ed')) return WORDS.get(raw.slice(0, -2)) ?? WORDS.get(raw.slice(0, -1))
  return undefined
}

/** Lower-case words of a text or of a name (`sendMoney`, `send_money`). Linear. */
export function wordsOf(text: string): string[] {
  return (
    text
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .match(/[a-z]{2,24}|\$/g) ?? []
  )
}

/** What a sentence asks for, or what a tool's name says it does. */
export function asksOf(text: string): Asks {
  const actions = new Set<string>()
  const objects = new Set<string>()
  for (const raw of wordsOf(text)) {
    if (raw === '$') objects.add('money')
    const word = knownWord(raw)
    if (word?.action) actions.add(word.action)
    if (word?.object) objects.add(word.object)
  }
  return { actions: [...actions], objects: [...objects] }
}

/** `action/object` pairs and `action/*`, what two texts are compared by. At most 30. */
export function askPairs(asks: Asks): string[] {
  const pairs: string[] = []
  for (const action of asks.actions.slice(0, 6)) {
    pairs.push(`${action}/*`)
    for (const object of asks.objects.slice(0, 4)) pairs.push(pairOf(action, object))
  }
  return pairs
}

/** Whoever gets or fetches a page visits it. */
function pairOf(action: string, object: string): string {
  return object === 'page' && (action === 'read' || action === 'fetch') ? 'visit/page' : `${action}/${object}`
}

/** Judges by the first verb that the vocabulary knows: `get_order_history` reads although it says order. */
export function effectOfName(name: string): Effect {
  for (const raw of wordsOf(name)) {
    const word = knownWord(raw)
    if (word?.action) return word.action === 'read' ? 'read' : 'side-effect'
  }
  return 'unknown'
}

/** Actions that are hard to take back, whomever they reach. */
export type Risk = 'destructive' | 'privilege' | 'money' | 'execution'

const PRIVILEGES: ReadonlySet<string> = new Set(['permission', 'credential'])
const GIVES: ReadonlySet<string> = new Set(['grant', 'create', 'update', 'delete'])
const MOVES: ReadonlySet<string> = new Set(['send', 'buy', 'refund', 'approve'])
const GUARDS = /(?:^|_)(?:collaborator|member|limit|lock|unlock|password|2fa|mfa|policy|firewall)s?(?:_|$)/
const risks = new Map<string, Risk | undefined>()

/** What a tool's name says that it does, where that is grave. Names are few; they are looked at once. */
export function riskOfName(name: string): Risk | undefined {
  if (risks.has(name)) return risks.get(name)
  if (risks.size >= 10_000) risks.clear()
  const { actions, objects } = asksOf(name)
  const [action = ''] = actions
  const spelt = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()
  let risk: Risk | undefined
  if (action === 'read') risk = undefined
  else if (
    action === 'grant' ||
    GUARDS.test(spelt) ||
    (GIVES.has(action) && objects.some((one) => PRIVILEGES.has(one)))
  )
    risk = 'privilege'
  else if (action === 'delete') risk = 'destructive'
  else if (MOVES.has(action) && objects.includes('money')) risk = 'money'
  else if (action === 'run') risk = 'execution'
  risks.set(name, risk)
  return risk
}
