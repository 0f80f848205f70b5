/** How the members of one part of an event are treated. */
export interface Rule {
  /**
   * typed: a text must stay a text. free: a secret value may become a mark object. schema: names of members describe
   * arguments, so that they say nothing about values.
   */
  readonly mode: 'typed' | 'free' | 'schema'
  /** members whose texts are identity, digests or closed sets: kept as they are */
  readonly keep: ReadonlySet<string>
  /** rules of members that have their own */
  readonly members: ReadonlyMap<string, Rule>
  /** rule of all other members; itself when absent */
  readonly below?: Rule
}

const none: ReadonlySet<string> = new Set()
const nobody: ReadonlyMap<string, Rule> = new Map()

const FREE: Rule = { mode: 'free', keep: none, members: nobody }
const TYPED: Rule = { mode: 'typed', keep: none, members: nobody }
const SCHEMA: Rule = { mode: 'schema', keep: none, members: nobody }

function keeping(...members: string[]): Rule {
  return { mode: 'typed', keep: new Set(members), members: nobody, below: TYPED }
}

const TOOL: Rule = {
  ...keeping('name', 'exposed_as', 'schema_sha256', 'description_sha256'),
  members: new Map([['input_schema', SCHEMA]]),
}

const DATA: Rule = {
  mode: 'free',
  keep: new Set(['op', 'phase', 'call_id', 'tenant', 'args_sha256']),
  members: new Map([
    ['agent', keeping('id', 'role')],
    ['session', keeping('id', 'kind', 'parent', 'started_at')],
    ['server', keeping('id')],
    ['tool', TOOL],
    ['tools', TOOL],
    ['target', TYPED],
    ['args_redacted', TYPED],
    ['refs', keeping('in', 'kind', 'fp')],
    ['result', keeping('status', 'sha256')],
    ['egress', TYPED],
    ['auth', keeping('outcome', 'credential_sha256')],
    ['decision', keeping('id', 'action', 'origin')],
    ['intent', keeping('prompt_sha256')],
    ['env', TYPED],
  ]),
  below: FREE,
}

/** An event from its root. Unknown members of `data` are free-form, unknown attributes of the envelope are texts. */
export const EVENT: Rule = {
  mode: 'typed',
  keep: new Set(['specversion', 'id', 'source', 'type', 'time', 'datacontenttype']),
  members: new Map([['data', DATA]]),
  below: TYPED,
}

/** Longest texts that the schema allows: a mark can be longer than the secret it replaces. */
export const MAX_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['sample', 16384],
  ['text', 4096],
  ['description', 8192],
])

/** Members that cannot be configured away: without them an event is not one, or an order could not name its target. */
export const IDENTITY_POINTER =
  /^(?:\/(?:specversion|id|source|type|time|data)|\/data\/(?:op|phase|call_id|tenant|args_sha256|refs.*|agent|session|server|tool|result|(?:agent|session|server|decision)\/id|agent\/role|session\/parent|tool\/name|result\/status))$/
