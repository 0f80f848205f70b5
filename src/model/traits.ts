import { commandShape, isHostileCommand } from './traits/commands.ts'
import {
  isCloudMetadata,
  isCredentialFile,
  isInternalAddress,
  isSystemPath,
  isWildcard,
  stepsUp,
} from './traits/paths.ts'
import { queryShape } from './traits/queries.ts'

/**
 * What about the text of an argument or a result could make a call do more than it seems to: `!trait:argument`. Beside
 * the shapes (shapes.ts) they are what the parameter profile learns, so that an argument that usually holds a command
 * line is told from one that never did. Never the values themselves.
 */
export type Trait =
  | 'command'
  | 'chained-command'
  | 'injected-command'
  | 'hostile-command'
  | 'query'
  | 'injected-query'
  | 'unbounded-query'
  | 'catalogue-query'
  | 'parent-path'
  | 'path-escape'
  | 'credential-file'
  | 'cloud-metadata'
  | 'system-path'
  | 'internal-address'
  | 'wildcard'
  | 'operator'
  | 'markup'
  | 'encoded-blob'
  | 'privileged'
  | 'secret'
  | 'account-file'
  | 'copied'
  | 'carried'
  | 'injected-header'
  | 'external-entity'
  | 'powerful'
  | 'secret-search'

/** Text of one call's arguments that is looked at, characters. */
const BUDGET = 16_384
const MAX_DEPTH = 5
export const MAX_TRAITS = 16
const NONE: readonly string[] = []

/** The name under which the traits of a result are kept, beside the names of arguments. */
export const RESULT = '(result)'

/** Traits of every argument and of the resource that is asked for. Linear in the text it looks at (bounded). */
export function argumentTraits(
  args: Readonly<Record<string, unknown>> | undefined,
  target: string | undefined,
): readonly string[] {
  if (args === undefined && target === undefined) return NONE
  const reader = new Reader()
  // In the order of their names, so that what a limit cuts off does not depend on the order of members.
  if (args !== undefined)
    for (const name of Object.keys(args).sort()) {
      if (args[name] !== false && args[name] !== null && isPowerful(name)) reader.add('powerful', name)
      reader.value(name, args[name], 0)
    }
  if (target !== undefined) reader.value('target', target, 0)
  return reader.sorted()
}

/** `root:x:0:0:` and the like: the account file of a Unix system, whatever asked for it. */
const ACCOUNT_FILE = /^root:[^:\n]{0,128}:\d{1,6}:\d{0,6}:/m
export const MARK = '[redacted:'

export function resultTraits(sample: string | undefined): readonly string[] {
  if (sample === undefined) return NONE
  const hasSecret = sample.includes(MARK) || sample.includes('"$redacted"')
  const hasAccounts = sample.includes('root:') && ACCOUNT_FILE.test(sample)
  if (!hasSecret && !hasAccounts) return NONE
  const traits: string[] = []
  if (hasAccounts) traits.push(nameOf('account-file', RESULT))
  if (hasSecret) traits.push(nameOf('secret', RESULT))
  return traits
}

export function nameOf(trait: Trait, argument: string): string {
  return `!${trait}:${argument}`
}

/** The parts of a trait's name. */
export function partsOf(name: string): { readonly trait: Trait; readonly argument: string } {
  const cut = name.indexOf(':')
  return { trait: name.slice(1, cut) as Trait, argument: name.slice(cut + 1) }
}

/** Nothing of what is looked for is in a text without any of these. */
const NOTABLE = /[;|&`$<>*%~\\/'"{}\n=[]|\.\.|--|[A-Za-z]{3} |^\.|@/
const PRIVILEGED =
  /^(?:all|any|admin(?:istrator)?s?|root|super_?(?:user|admin)|sudo|owner|system|service_role|full_?access|unrestricted|everyone|allusers|public)$/i
/** one header in the place of another one's value: a second line that no address or title has */
const HEADER =
  /\S\r?\n(?:bcc|cc|to|from|subject|reply-to|content-type|content-length|set-cookie|location|host|authorization|x-[a-z-]{1,32}):/i
const SECRET_SEARCH =
  /\b(?:grep|rg|find|findstr|ag|select-string)\b[^\n]{0,200}(?:passw|secret|api.?key|token|credential|private.?key|id_rsa|\.pem)|\b(?:printenv|env)\s*(?:$|\|)/i
const BLOB = /[A-Za-z0-9+/_-]{96}/

/** Arguments that switch a guard off or say in whose name a call is made. */
const POWERFUL =
  /^(?:.*_)?(?:skip_\w+|bypass\w*|disable_\w+|ignore_(?:errors|limits?|permissions?|checks?)|no_(?:verify|check|confirm|sandbox|auth)\w*|unsafe|force|override\w*|sudo|as_(?:admin|root|user)|run_as\w*|impersonate\w*|on_behalf_of|privileged|bcc|admin|is_admin|auto_approve\w*|approved?_by|confirm(?:ed)?_by)$/
const powerful = new Map<string, boolean>()

function isPowerful(name: string): boolean {
  let found = powerful.get(name)
  if (found === undefined) {
    found = POWERFUL.test(
      name
        .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
        .replaceAll('-', '_')
        .toLowerCase()
        .slice(0, 64),
    )
    if (powerful.size >= 10_000) powerful.clear()
    powerful.set(name, found)
  }
  return found
}

class Reader {
  private found: string[] | undefined
  private budget = BUDGET

  value(argument: string, value: unknown, depth: number): void {
    if (typeof value === 'string') this.text(argument, value)
    else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH && this.budget > 0) {
      if (Array.isArray(value)) for (const item of value) this.value(argument, item, depth + 1)
      else this.members(argument, value as Readonly<Record<string, unknown>>, depth)
    }
  }

  sorted(): readonly string[] {
    return this.found === undefined ? NONE : this.found.sort()
  }

  private members(argument: string, members: Readonly<Record<string, unknown>>, depth: number): void {
    if (typeof members.$redacted === 'string') {
      this.add('secret', argument)
      return
    }
    for (const name in members) {
      // A condition in the place of a value (MongoDB and its kin).
      if (name.charCodeAt(0) === 36 && /^\$(?:n?eq?|gte?|lte?|n?in|where|regex|or|exists|expr|function)$/.test(name))
        this.add('operator', argument)
      this.value(argument, members[name], depth + 1)
    }
  }

  private text(argument: string, full: string): void {
    const text = full.length > this.budget ? full.slice(0, this.budget) : full
    this.budget -= text.length
    if (text.length >= 3 && text.length <= 16 && PRIVILEGED.test(text)) this.add('privileged', argument)
    if (!NOTABLE.test(text)) return
    if (text.includes(MARK)) this.add('secret', argument)
    this.commands(argument, text)
    this.queries(argument, text)
    this.paths(argument, text)
    if (text.includes('<') && /<(?:script|iframe|img|svg|object|embed)\b|javascript:/i.test(text))
      this.add('markup', argument)
    if (text.length >= 96 && BLOB.test(text)) this.add('encoded-blob', argument)
    if (text.length <= 512 && text.includes('\n') && HEADER.test(text)) this.add('injected-header', argument)
    if (text.includes('<!ENTITY') && /<!ENTITY[^>]{1,200}(?:SYSTEM|PUBLIC)/.test(text))
      this.add('external-entity', argument)
  }

  private commands(argument: string, text: string): void {
    const shape = commandShape(text)
    if (shape !== 'none') this.add(COMMANDS[shape], argument)
    if (shape !== 'none' && SECRET_SEARCH.test(text)) this.add('secret-search', argument)
    if (isHostileCommand(text)) this.add('hostile-command', argument)
  }

  private queries(argument: string, text: string): void {
    const query = queryShape(text)
    if (query === undefined) return
    if (query.isQuery) this.add('query', argument)
    if (query.isInjected) this.add('injected-query', argument)
    if (query.isUnbounded) this.add('unbounded-query', argument)
    if (query.readsCatalogue) this.add('catalogue-query', argument)
  }

  private paths(argument: string, text: string): void {
    if (isCloudMetadata(text)) this.add('cloud-metadata', argument)
    // A sentence that mentions a file does not open it; a command line does.
    const isOneWord = !/[\s'"()]/.test(text) || /^(?:~|[a-z]:)?[/\\][^\n'"()]{1,200}$/i.test(text)
    if (!isOneWord && commandShape(text) === 'none') return
    if (isCredentialFile(text)) this.add('credential-file', argument)
    if (!isOneWord) return
    const steps = stepsUp(text)
    if (steps > 0) this.add(steps > 1 ? 'path-escape' : 'parent-path', argument)
    if (isSystemPath(text)) this.add('system-path', argument)
    if (isInternalAddress(text)) this.add('internal-address', argument)
    if (isWildcard(text)) this.add('wildcard', argument)
  }

  add(trait: Trait, argument: string): void {
    const name = nameOf(trait, argument.slice(0, 64))
    if (this.found === undefined) this.found = [name]
    else if (this.found.length < MAX_TRAITS && !this.found.includes(name)) this.found.push(name)
  }
}

const COMMANDS = { command: 'command', chained: 'chained-command', injected: 'injected-command' } as const
