/**
 * Rules and events with the shape of public rule sets: about half Windows process creation, then registry, files,
 * network, script blocks, event-log ids, Linux and cloud audit logs; a program by name and original file name, two to
 * ten fragments of a command line, filters by path, now and then a regular expression or keywords.
 */

export type Random = () => number

/** Deterministic (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const COMMON_PROGRAMS =
  'powershell cmd pwsh rundll32 reg regsvr32 mshta wscript cscript certutil schtasks net wmic bitsadmin svchost explorer msiexec sc curl python'.split(
    ' ',
  )
const SYLLABLES =
  'ad ak al an ar ban bit cal con dac dis dump ed el en fil gen hex in ker lo man mi net op pro que ram sec tok un vol win xo zer'.split(
    ' ',
  )
const FRAGMENTS =
  '-enc -nop -w hidden |IEX |http:// |https:// |\\AppData\\Local\\Temp\\ |/c |/add |delete |create |.DownloadString( |FromBase64String |\\\\Windows\\\\Tasks |--output |-urlcache |shadowcopy |-ExecutionPolicy |Bypass |/transfer |process call create '.split(
    '|',
  )

class Words {
  private readonly random: Random
  constructor(random: Random) {
    this.random = random
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  many<T>(least: number, most: number, make: () => T): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, make)
  }

  word(): string {
    return this.many(2, 4, () => this.one(SYLLABLES)).join('')
  }

  program(): string {
    return this.chance(0.45) ? this.one(COMMON_PROGRAMS) : this.word()
  }

  /** `suspect`: how often it is one that rules are about */
  fragment(suspect = 0.25): string {
    if (this.chance(suspect)) return this.one(FRAGMENTS)
    return this.one([
      () => ` -${this.word()}`,
      () => ` /${this.word()} `,
      () => `${this.word()}.${this.word()}`,
      () => `\\${this.word()}\\`,
    ])()
  }
}

type Search = Record<string, unknown> | unknown[]
interface Body {
  readonly logsource: Record<string, string>
  readonly searches: Record<string, Search>
  readonly condition: string
}

const MIX: readonly (readonly [share: number, make: (words: Words) => Body])[] = [
  [0.5, processCreation],
  [0.1, registry],
  [0.09, fileEvent],
  [0.07, scriptBlock],
  [0.07, network],
  [0.07, eventLog],
  [0.09, cloudAudit],
  [0.01, keywordSearch],
]

function kindAt(pick: number): (words: Words) => Body {
  let left = pick
  for (const [share, make] of MIX) {
    left -= share
    if (left < 0) return make
  }
  return processCreation
}

/** One rule as a YAML document (JSON is YAML). */
export function sigmaRule(number: number, random: Random, prefix = ''): string {
  const words = new Words(random)
  const { logsource, searches, condition } = kindAt(random())(words)
  const detection = { ...(prefix === '' ? searches : prefixed(searches, prefix)), condition }
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  return JSON.stringify({ title: `Rule ${prefix}${number}`, id, status: 'test', logsource, detection, level: 'medium' })
}

/** The same searches over fields that no event has. */
function prefixed(searches: Record<string, Search>, prefix: string): Record<string, Search> {
  const rename = (search: Search): Search =>
    Array.isArray(search)
      ? search.map((one) => (typeof one === 'object' ? rename(one as Search) : { [`${prefix}Text|contains`]: one }))
      : Object.fromEntries(Object.entries(search).map(([key, value]) => [prefix + key, value]))
  return Object.fromEntries(Object.entries(searches).map(([name, search]) => [name, rename(search)]))
}

function processCreation(words: Words): Body {
  const programs = words.many(1, 3, () => words.program())
  const image = [
    { 'Image|endswith': programs.map((program) => `\\${program}.exe`) },
    { OriginalFileName: programs.map((program) => `${program}.exe`) },
  ]
  const fragments = words.many(2, 10, () => words.fragment())
  const key = words.chance(0.35)
    ? 'CommandLine|contains|all'
    : words.chance(0.15)
      ? 'CommandLine|contains|windash'
      : 'CommandLine|contains'
  const searches: Record<string, Search> = {
    selection_cli: { [key]: key.endsWith('all') ? fragments.slice(0, 3) : fragments },
  }
  if (words.chance(0.8)) searches.selection_img = image
  if (words.chance(0.2)) searches.selection_parent = { 'ParentImage|endswith': `\\${words.program()}.exe` }
  if (words.chance(0.08))
    searches.selection_re = { 'CommandLine|re': `\\s-${words.word().slice(0, 4)}[a-z]*\\s+['"]?[A-Za-z0-9+/=]{12,}` }
  return body(words, { category: 'process_creation', product: 'windows' }, searches, 'Image')
}

function registry(words: Words): Body {
  const searches: Record<string, Search> = {
    selection_key: { 'TargetObject|contains': words.many(1, 4, () => `\\${words.word()}\\${words.word()}`) },
  }
  if (words.chance(0.6))
    searches.selection_value = { Details: words.one(['DWORD (0x00000001)', 'DWORD (0x00000000)', '(Empty)']) }
  return body(words, { category: 'registry_set', product: 'windows' }, searches, 'Image')
}

function fileEvent(words: Words): Body {
  const searches: Record<string, Search> = {
    selection_file: {
      'TargetFilename|endswith': words.many(1, 6, () => `.${words.word().slice(0, 4)}`),
      'TargetFilename|contains': `\\${words.word()}\\`,
    },
  }
  return body(words, { category: 'file_event', product: 'windows' }, searches, 'Image')
}

function scriptBlock(words: Words): Body {
  const texts = words.many(2, 8, () => `${words.word()}-${words.word()}`)
  const all = words.chance(0.4)
  const searches = { selection: { [`ScriptBlockText|contains${all ? '|all' : ''}`]: all ? texts.slice(0, 2) : texts } }
  return body(words, { product: 'windows', category: 'ps_script' }, searches, undefined)
}

function network(words: Words): Body {
  const searches: Record<string, Search> = {
    selection_img: { 'Image|endswith': words.many(1, 3, () => `\\${words.program()}.exe`), Initiated: 'true' },
    selection_host: { 'DestinationHostname|endswith': words.many(1, 8, () => `.${words.word()}.com`) },
  }
  if (words.chance(0.4))
    searches.filter_local = { 'DestinationIp|cidr': ['127.0.0.0/8', '10.0.0.0/8', '192.168.0.0/16', 'fe80::/10'] }
  return body(words, { category: 'network_connection', product: 'windows' }, searches, undefined)
}

function eventLog(words: Words): Body {
  const searches: Record<string, Search> = {
    selection: { EventID: words.many(1, 3, () => 4600 + words.below(200)), 'SubjectUserName|endswith': '$' },
  }
  if (words.chance(0.5)) searches.selection_object = { ObjectName: words.many(1, 4, () => `\\Device\\${words.word()}`) }
  return body(words, { product: 'windows', service: 'security' }, searches, undefined)
}

function cloudAudit(words: Words): Body {
  const searches: Record<string, Search> = {
    selection: {
      eventSource: `${words.word()}.amazonaws.com`,
      eventName: words.many(1, 4, () => `Put${words.word()}`),
    },
  }
  if (words.chance(0.3))
    searches.selection_user = { 'userIdentity.type': words.one(['Root', 'AssumedRole', 'IAMUser']) }
  return body(words, { product: 'aws', service: 'cloudtrail' }, searches, undefined)
}

function keywordSearch(words: Words): Body {
  const searches = { keywords: words.many(2, 6, () => `${words.word()} ${words.word()}`) }
  return { logsource: { product: 'linux' }, searches, condition: 'keywords' }
}

function body(
  words: Words,
  logsource: Record<string, string>,
  searches: Record<string, Search>,
  filtered: string | undefined,
): Body {
  const all = { ...searches }
  if (filtered !== undefined && words.chance(0.3))
    for (let number = 1 + words.below(3); number > 0; number--)
      all[`filter_main_${number}`] = {
        [`${filtered}|startswith`]: ['C:\\Program Files\\', `C:\\Windows\\${words.word()}\\`],
        User: null,
      }
  const positive = Object.keys(searches).filter((name) => !name.startsWith('filter'))
  const base = positive.length === 1 ? (positive[0] as string) : 'all of selection*'
  const condition = Object.keys(all).some((name) => name.startsWith('filter')) ? `${base} and not 1 of filter_*` : base
  return { logsource, searches: all, condition }
}

// -------------------------------------------------------------------------------------------------- events

/** Events of about 1 kB as JSON lines, in the same proportions. */
export function sigmaEvents(count: number, random: Random): string[] {
  const words = new Words(random)
  return Array.from({ length: count }, (_, number) => padded(eventOf(words, number)))
}

function eventOf(words: Words, number: number): Record<string, unknown> {
  const base = {
    '@timestamp': new Date(Date.UTC(2026, 9, 1) + number * 50).toISOString(),
    Computer: `ws-${words.below(500)}.corp.example`,
    User: `CORP\\${words.word()}`,
    ProcessGuid: `{${words.below(1e9)}-0000-0000}`,
  }
  const image = `C:\\Windows\\System32\\${words.program()}.exe`
  const kind = words.below(10)
  if (kind < 5)
    return {
      ...base,
      EventID: 1,
      Channel: 'Microsoft-Windows-Sysmon/Operational',
      Image: image,
      OriginalFileName: `${image.split('\\').at(-1)}`,
      CommandLine: `"${image}"${words.many(2, 7, () => words.fragment(0.02)).join('')}`,
      ParentImage: `C:\\Windows\\${words.program()}.exe`,
      ParentCommandLine: `C:\\Windows\\${words.program()}.exe${words.fragment(0.02)}`,
      CurrentDirectory: `C:\\Users\\${words.word()}\\`,
      IntegrityLevel: 'Medium',
      Hashes: `MD5=${words.below(1e9)},SHA256=${words.below(1e9)}${words.below(1e9)}${words.below(1e9)}`,
      LogonId: `0x${words.below(1e6).toString(16)}`,
      Company: 'Microsoft Corporation',
      Product: 'Microsoft Windows Operating System',
    }
  if (kind === 5)
    return {
      ...base,
      EventID: 13,
      Image: image,
      TargetObject: `HKLM\\Software\\${words.word()}\\${words.word()}`,
      Details: 'DWORD (0x00000001)',
    }
  if (kind === 6)
    return {
      ...base,
      EventID: 11,
      Image: image,
      TargetFilename: `C:\\Users\\${words.word()}\\${words.word()}\\${words.word()}.${words.word().slice(0, 4)}`,
    }
  if (kind === 7)
    return {
      ...base,
      EventID: 3,
      Image: image,
      Initiated: true,
      DestinationIp: `10.0.${words.below(255)}.${words.below(255)}`,
      DestinationHostname: `${words.word()}.${words.word()}.com`,
      DestinationPort: words.below(65_536),
    }
  if (kind === 8)
    return {
      ...base,
      EventID: 4600 + words.below(200),
      SubjectUserName: `${words.word()}$`,
      ObjectName: `\\Device\\${words.word()}`,
      ScriptBlockText: words.many(4, 20, () => `${words.word()}-${words.word()}`).join('; '),
    }
  return {
    ...base,
    eventSource: `${words.word()}.amazonaws.com`,
    eventName: `Put${words.word()}`,
    userIdentity: {
      type: 'IAMUser',
      arn: `arn:aws:iam::${words.below(1e9)}:user/${words.word()}`,
      accountId: String(words.below(1e9)),
    },
    requestParameters: {
      bucketName: words.word(),
      tags: words.many(1, 4, () => ({ key: words.word(), value: words.word() })),
    },
    awsRegion: 'eu-central-1',
    sourceIPAddress: `203.0.113.${words.below(255)}`,
  }
}

const EVENT_BYTES = 1_024

function padded(event: Record<string, unknown>): string {
  const short = EVENT_BYTES - JSON.stringify(event).length - '"Message":"",'.length
  return JSON.stringify(
    short > 0 ? { ...event, Message: 'The operation completed successfully. '.repeat(40).slice(0, short) } : event,
  )
}
