import { type Static, type TSchema, type TUnsafe, Type } from '@sinclair/typebox'

/**
 * The configuration file: the one schema from which types, defaults, errors, `belay.example.yaml` and the table in
 * docs/configuration.md come. Everything is optional; without any of it Belay runs embedded. A key's description is
 * its documentation. Keys that hold a quantity end in its unit.
 */

export const ROLES = ['accept', 'score', 'learn', 'dispatch', 'forward', 'web'] as const
const SCOPES = ['ingest', 'pep', 'analyst', 'responder', 'admin'] as const

const oneOf = <const T extends readonly string[]>(
  values: T,
  options: { default?: T[number]; description?: string },
): TUnsafe<T[number]> =>
  Type.Unsafe<T[number]>({
    ...Type.Union(values.map((value) => Type.Literal(value))),
    ...options,
    expected: `one of ${values.join(', ')}`,
  })

const text = (description: string, options: { default?: string; examples?: readonly string[] } = {}) =>
  Type.String({ minLength: 1, description, ...options })

const count = (description: string, options: { default?: number; minimum?: number; maximum?: number }) =>
  Type.Integer({ minimum: 1, description, ...options })

const list = <T extends TSchema>(items: T, description: string, examples?: readonly unknown[]) =>
  Type.Array(items, { default: [], description, ...(examples && { examples: [examples] }) })

const section = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description })

/** A section whose presence switches a part from embedded to distributed, so it has no default. */
const part = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  Type.Optional(Type.Object(properties, { additionalProperties: false, description }))

const HTTP_URL = { pattern: '^https?://[^\\s/?#]+[^\\s]*$', expected: 'an http:// or https:// URL' }

export const SecretRef = Type.Union(
  [
    Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, { additionalProperties: false }),
    Type.Object({ file: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
  ],
  { secret: true },
)
/** Where a secret is to be found: an environment variable or a file; its text is never in the configuration. */
export type SecretRef = Static<typeof SecretRef>

const secret = (description: string, examples?: readonly unknown[]) =>
  Type.Union(SecretRef.anyOf, { secret: true, description, ...(examples && { examples }) })

const sources = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description, examples: [['urn:pep:gw-1']] }))

const Listen = section(
  {
    host: text('Address to listen on. Anything but a loopback address needs `tokens` or `logins`.', {
      default: '127.0.0.1',
    }),
    port: Type.Integer({ minimum: 0, maximum: 65_535, default: 7300, description: 'TCP port; 0 takes a free one.' }),
    tls: part(
      {
        cert: text('File with the certificate and its chain (PEM).', { examples: ['/etc/belay/server.pem'] }),
        key: secret('Its key (PEM).', [{ file: '/etc/belay/server.key' }]),
        clientCa: Type.Optional(
          text('File with authorities (PEM); every client must show a certificate of theirs, beside its token.', {
            examples: ['/etc/belay/clients-ca.pem'],
          }),
        ),
      },
      'Present: TLS only.',
    ),
  },
  'Where the HTTP API, the ingest and the console listen.',
)

const Token = Type.Object(
  {
    name: text('Who holds it; shows up in logs and in the history of a containment.', { examples: ['gateway-1'] }),
    sha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        expected: 'the SHA-256 of the token as 64 lowercase hex digits (`printf %s "$TOKEN" | sha256sum`)',
        description: 'SHA-256 of the token in lowercase hex: `printf %s "$TOKEN" | sha256sum`. This or `token`.',
        examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
      }),
    ),
    token: Type.Optional(secret('The token itself; only its hash is kept in memory.', [{ env: 'BELAY_TOKEN' }])),
    tenant: text('The only tenant whose data it reaches.', { default: 'default' }),
    sources: sources('Prefixes of `source` it may send events for; any source of its tenant when absent.'),
    scopes: Type.Array(oneOf(SCOPES, {}), {
      minItems: 1,
      default: ['ingest'],
      description:
        'What it may do: `ingest` sends events, `pep` also asks for decisions, `analyst` reads, `responder` also contains and releases, `admin` does all.',
      examples: [['pep']],
    }),
  },
  { additionalProperties: false },
)

const Login = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
      expected: 'letters, digits, . _ -',
      description: 'Begins the name of everyone it knows (`okta:…`) in the audit record.',
      examples: ['okta'],
    }),
    issuer: Type.String({
      ...HTTP_URL,
      description: 'Exactly as in the claim `iss`.',
      examples: ['https://login.example.com'],
    }),
    audiences: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'One of them must be in `aud`: the client id of an ID token.',
      examples: [['belay']],
    }),
    jwksUrl: Type.Optional(
      Type.String({
        ...HTTP_URL,
        description: 'Where its keys are; found through `/.well-known/openid-configuration` when absent.',
        examples: ['https://login.example.com/keys'],
      }),
    ),
    tenant: text('The only tenant that its people reach.', { default: 'default' }),
    nameClaim: text('Claim that tells who it is: one that people cannot change themselves.', { default: 'sub' }),
    roleClaim: text('Claim whose values give scopes; `a.b` is member `b` of `a`.', { default: 'groups' }),
    scopes: Type.Record(Type.String(), Type.Array(oneOf(SCOPES, {}), { minItems: 1 }), {
      description: 'Scopes by value of that claim; other values give none.',
      examples: [{ 'security-on-call': ['responder'] }],
    }),
  },
  { additionalProperties: false },
)

const KafkaTls = Type.Optional(
  Type.Object(
    {
      ca: Type.Optional(text('File with the certificate authority (PEM).', { examples: ['/etc/belay/ca.pem'] })),
      cert: Type.Optional(text('File with the client certificate (PEM).', { examples: ['/etc/belay/client.pem'] })),
      key: Type.Optional(secret('Key of the client certificate (PEM).', [{ file: '/etc/belay/client.key' }])),
    },
    { additionalProperties: false, description: "Present: connect by TLS. `{}` trusts the system's authorities." },
  ),
)

const KafkaLogin = Type.Optional(
  Type.Object(
    {
      mechanism: oneOf(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'], {
        description: 'How to log in.',
      }),
      username: Type.Optional(text('User name; not for oauthbearer.', { examples: ['belay'] })),
      password: Type.Optional(secret('Password; not for oauthbearer.', [{ env: 'KAFKA_PASSWORD' }])),
      token: Type.Optional(
        secret('Bearer token, for oauthbearer; read again when the broker asks again.', [
          { file: '/run/secrets/kafka-token' },
        ]),
      ),
    },
    { additionalProperties: false, description: 'Present: log in to the brokers.' },
  ),
)

const Kafka = part(
  {
    brokers: Type.Array(Type.String({ pattern: '^.+:\\d+$', expected: 'host:port' }), {
      minItems: 1,
      description: 'Bootstrap brokers as host:port.',
      examples: [['kafka:9092']],
    }),
    clientId: text('Client id that brokers see.', { default: 'belay' }),
    group: text('Consumer group; processes that share it share the partitions.', { default: 'belay' }),
    sessionTimeoutSeconds: count(
      'Silence after which the brokers take a process for dead and give its partitions to others; brokers allow 6 to 1800 by default.',
      { default: 30, minimum: 6, maximum: 1800 },
    ),
    topics: section(
      {
        events: text('Topic of tool events, keyed by agent.', { default: 'agent.tool.events.v1' }),
        deadLetters: text('Topic for records that cannot be taken.', { default: 'agent.tool.events.v1.dlq' }),
        containment: text('Compacted topic of what is contained now, keyed by containment.', {
          default: 'agent.containment.v1',
        }),
        alerts: text('Topic by which findings go from those that score to those that forward, keyed by agent.', {
          default: 'agent.alerts.v1',
        }),
      },
      'Topic names.',
    ),
    tls: KafkaTls,
    sasl: KafkaLogin,
    signing: section(
      {
        mode: oneOf(['off', 'warn', 'require'], {
          default: 'warn',
          description: 'What an event without a valid `x-pep-sig` header gets: `require` dead-letters it.',
        }),
        keys: list(
          Type.Object(
            {
              kid: text('Key id, as in the header `x-pep-kid`.', { examples: ['gw-1'] }),
              key: secret('The HMAC key.', [{ env: 'PEP_GW1_KEY' }]),
              tenant: text('The only tenant it may sign for.', { default: 'default' }),
              sources: sources('Prefixes of `source` it may sign for; any when absent.'),
            },
            { additionalProperties: false },
          ),
          'Keys of the PEPs that sign.',
        ),
      },
      'Signatures of events on Kafka.',
    ),
  },
  'Present: events are read from Kafka, and the HTTP ingest writes to it. Absent: the HTTP ingest feeds the pipeline directly.',
)

const ClickHouse = part(
  {
    url: Type.String({
      ...HTTP_URL,
      description: 'HTTP(S) address of the server.',
      examples: ['http://clickhouse:8123'],
    }),
    database: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      expected: 'a plain name (letters, digits, _)',
      default: 'belay',
      description: 'Database; created when missing.',
    }),
    user: text('User name.', { default: 'default' }),
    password: Type.Optional(secret('Password of that user.', [{ env: 'CLICKHOUSE_PASSWORD' }])),
    cluster: Type.Optional(
      text('Cluster name; tables become replicated and distributed over it.', { examples: ['main'] }),
    ),
  },
  'Present: events, scores and history are kept in this ClickHouse. Absent: in chDB below `data`.',
)

const Redis = part(
  {
    url: Type.String({
      pattern: '^rediss?://[^\\s]+$',
      expected: 'a redis:// or rediss:// URL',
      description: 'Address; the password goes into `password`.',
      examples: ['redis://redis:6379'],
    }),
    password: Type.Optional(secret('Password.', [{ env: 'REDIS_PASSWORD' }])),
    prefix: text('Prefix of every key.', { default: 'belay' }),
  },
  'Present: orders and what is contained now are kept in this Redis. Absent: in SQLite below `data`.',
)

const Redaction = section(
  {
    keys: list(Type.String({ minLength: 1 }), 'Names of members whose values are secrets, beside the built-in ones.', [
      'customer_iban',
    ]),
    pointers: list(
      Type.String({ pattern: '^/', expected: 'a JSON pointer that begins with /' }),
      'JSON pointers into an event whose values are secrets.',
      ['/data/args/password'],
    ),
    key: Type.Optional(
      secret('HMAC key of the marks that replace secrets; derived from the one of `refs` when absent.', [
        { env: 'BELAY_REDACTION_KEY' },
      ]),
    ),
  },
  'What is taken out of events before anything is kept.',
)

const Refs = section(
  {
    key: Type.Optional(
      secret(
        'HMAC key of destination fingerprints, the same for every process and for PEPs that send refs; made and kept beside the baselines below `data` when absent.',
        [{ env: 'BELAY_REFS_KEY' }],
      ),
    ),
  },
  'Fingerprints of the destinations that arguments and results name.',
)

const Baselines = section(
  {
    timeZone: text('IANA time zone in which working hours are learnt.', {
      default: 'UTC',
      examples: ['Europe/Berlin'],
    }),
    timeZones: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
      default: {},
      description: 'Time zone by role, where it differs.',
      examples: [{ 'invoice-bot': 'America/New_York' }],
    }),
    parents: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
      default: {},
      description: 'Role that a role borrows from while it is still learning.',
      examples: [{ 'invoice-bot-eu': 'invoice-bot' }],
    }),
    settleMinutes: count('Time without an event after which a session counts as ended and may be learnt from.', {
      default: 30,
    }),
    minimumSessions: count('Clean sessions a role needs before it is judged by what was learnt.', { default: 30 }),
    minimumAgents: count('Distinct agents a role needs for that.', { default: 1 }),
    learnEveryMinutes: count('How often the learn job runs.', { default: 10 }),
    historyDays: count('Days of history a baseline is made of.', { default: 60, maximum: 3650 }),
    shelfLifeDays: count('Days after which a baseline that was not refreshed is called stale.', { default: 14 }),
  },
  'How normal is learnt.',
)

/** A share of clean sessions. */
function budget(share: number, description: string) {
  return Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: share, description })
}

const Detection = section(
  {
    mode: oneOf(['monitor', 'enforce'], {
      default: 'enforce',
      description: '`monitor` plans, records and counts containment and delivers none.',
    }),
    falseAlertsPerSession: budget(0.01, 'Budget: share of clean sessions that may raise an alert by mistake.'),
    falseStepUpsPerSession: budget(
      0.005,
      'Budget: share of clean sessions in which a person may be asked by mistake, the mildest containment.',
    ),
    falseContainmentsPerSession: budget(
      0.001,
      'Budget: share of clean sessions that may be restricted or suspended by mistake; thresholds follow from it.',
    ),
    detectorFolders: list(Type.String({ minLength: 1 }), 'Folders with your own detectors, beside the built-in ones.', [
      '/etc/belay/detectors',
    ]),
    enabled: list(Type.String({ minLength: 1 }), 'Ids of optional detectors that run; learn again after naming one.', [
      'unusual-combination',
    ]),
    disabled: list(Type.String({ minLength: 1 }), 'Ids of detectors that stay off.', ['off-hours']),
    weights: Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: 10 }), {
      default: {},
      description:
        'What a nat of a detector’s calibrated surprise is worth, where it differs from the built-in weight.',
      examples: [{ 'unusual-volume': 0.5 }],
    }),
    sideEffectTools: list(
      Type.String({ minLength: 1 }),
      'Tools that change the outside world whatever they claim, as `server/tool` or `tool`.',
      ['bank/send_money'],
    ),
    readOnlyTools: list(
      Type.String({ minLength: 1 }),
      'Tools that only read whatever they claim: what `restrict_read_only` lets through.',
      ['files/read_file'],
    ),
    registeredServers: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description:
          'Ids of the servers that may be used; an event of any other one is a finding. Absent: no such list.',
        examples: [['ledger', 'files']],
      }),
    ),
    trustedServers: list(Type.String({ minLength: 1 }), 'Servers whose results are not attacker-controlled.', [
      'ledger',
    ]),
  },
  'How events are judged.',
)

const Rules = section(
  {
    builtIn: Type.Boolean({ default: true, description: 'Run the rules that come with Belay.' }),
    folders: list(Type.String({ minLength: 1 }), 'Folders with your own Sigma rules and filters.', [
      '/etc/belay/rules',
    ]),
    disabled: list(Type.String({ minLength: 1 }), 'Names or ids of rules that stay off.', ['slow-tool']),
    placeholders: Type.Record(Type.String({ minLength: 1 }), Type.Array(Type.String(), { minItems: 1 }), {
      default: {},
      description: 'Values for `|expand`, by the name between the percent signs.',
      examples: [{ payment_tools: ['send_payment', 'wire_transfer'] }],
    }),
    reloadSeconds: count('How often the files are looked at; a changed set replaces the old one if all of it loads.', {
      default: 10,
    }),
  },
  'Written rules (docs/write-a-rule.md).',
)

const LEVELS = ['monitor', 'require_step_up', 'restrict_read_only', 'quarantine_tool', 'suspend_session'] as const
const TARGETS = ['session', 'agent', 'user', 'tool', 'server', 'role', 'tenant'] as const

const httpRequest = (description: string) =>
  Type.Object(
    {
      method: oneOf(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { default: 'POST', description: 'How it is asked.' }),
      url: Type.String({
        ...HTTP_URL,
        description: 'What is asked; `{{name}}` in path and query is percent-encoded.',
        examples: ['https://admin.example/tools/{{target.tool}}/disable'],
      }),
      headers: Type.Record(Type.String(), Type.String(), {
        default: {},
        description: 'Headers; `{{secret}}` may stand here.',
        examples: [{ authorization: 'Bearer {{secret}}' }],
      }),
      body: Type.Optional(
        Type.Unknown({ description: 'JSON body; `{{name}}` in its texts.', examples: [{ reason: '{{reason}}' }] }),
      ),
      proof: Type.Optional(
        Type.Object(
          {
            pointer: Type.String({
              pattern: '^/',
              expected: 'a JSON pointer that begins with /',
              description: 'Member of the answer, by JSON pointer.',
              examples: ['/status'],
            }),
            equals: Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
              description: 'Its value.',
              expected: 'a text, number or boolean',
              examples: ['disabled'],
            }),
          },
          {
            additionalProperties: false,
            description: 'What an answer must say to be believed; absent: any success is.',
          },
        ),
      ),
    },
    { additionalProperties: false, description },
  )

const HttpAction = Type.Object(
  {
    levels: Type.Array(oneOf(LEVELS, {}), {
      minItems: 1,
      description: 'For orders of these levels …',
      examples: [['quarantine_tool']],
    }),
    targets: Type.Array(oneOf(TARGETS, {}), {
      minItems: 1,
      description: '… on these kinds of target.',
      examples: [['tool']],
    }),
    apply: httpRequest('What is asked to contain.'),
    release: Type.Optional(httpRequest('What is asked to free; absent: this API cannot take it back.')),
  },
  { additionalProperties: false },
)

const HttpApi = part(
  {
    secret: Type.Optional(secret('What `{{secret}}` in headers stands for.', [{ env: 'ADMIN_TOKEN' }])),
    actions: Type.Array(HttpAction, { minItems: 1, description: 'The first that fits an order is asked.' }),
    ping: Type.Optional(httpRequest('What `belay doctor` asks.')),
  },
  'Any HTTP API, by requests that you write; all of one origin.',
)

const ContextForge = part(
  {
    url: Type.String({ ...HTTP_URL, description: 'Its base.', examples: ['https://forge.example'] }),
    token: secret("A session's JWT of an administrator.", [{ env: 'CONTEXTFORGE_TOKEN' }]),
    revokeTokens: Type.Boolean({
      default: false,
      description:
        'Suspend agents (by the name of a token) and users (by address) by revoking their API tokens, for good.',
    }),
  },
  "ContextForge's admin API: switches tools and servers off and on.",
)

const Caep = part(
  {
    url: Type.String({
      ...HTTP_URL,
      description: "The receiver's endpoint (RFC 8935).",
      examples: ['https://idp.example/ssf/push'],
    }),
    issuer: text('`iss`, as the receiver knows us.', { examples: ['https://belay.example'] }),
    audience: text('`aud`: the receiver.', { examples: ['https://idp.example'] }),
    key: secret('Private key (PKCS #8, PEM): P-256, RSA of 2048 bits and more, or Ed25519.', [
      { file: '/etc/belay/caep.key' },
    ]),
    keyId: text('`kid` of that key.', { examples: ['belay-1'] }),
    authorization: Type.Optional(
      secret('Whole `Authorization` header, where the receiver asks for one.', [{ env: 'SSF_AUTHORIZATION' }]),
    ),
    subject: oneOf(['opaque', 'email', 'iss_sub'], {
      default: 'opaque',
      description: 'How agents and users are named (RFC 9493).',
    }),
    subjectIssuer: Type.Optional(
      text('Issuer of the subjects, for `iss_sub`; the audience when absent.', { examples: ['https://idp.example'] }),
    ),
    credentialType: Type.Optional(
      oneOf(
        [
          'password',
          'pin',
          'x509',
          'fido2-platform',
          'fido2-roaming',
          'fido-u2f',
          'verifiable-credential',
          'phone-voice',
          'phone-sms',
          'app',
        ],
        {
          description:
            'Present: suspending an agent or user revokes its credential of this type, not only its sessions.',
        },
      ),
    ),
  },
  'An identity provider, by security event tokens (CAEP, pushed by RFC 8935).',
)

const Gateway = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
      expected: 'letters, digits, . _ -',
      description: 'Name in logs and in the history.',
      examples: ['gw-1'],
    }),
    url: Type.Optional(
      Type.String({
        ...HTTP_URL,
        description:
          'Of a PEP: where containment is posted to. This and `secrets`, or one of `http`, `contextForge` and `caep`.',
        examples: ['https://gateway.example/belay'],
      }),
    ),
    secrets: Type.Optional(
      Type.Array(SecretRef, {
        minItems: 1,
        maxItems: 2,
        description: 'Standard Webhooks secrets (`whsec_...`); two while one replaces the other.',
        examples: [[{ env: 'GW1_SECRET' }]],
      }),
    ),
    http: HttpApi,
    contextForge: ContextForge,
    caep: Caep,
    allowPrivate: Type.Boolean({ default: false, description: 'Permit a loopback or private address.' }),
    tenant: Type.Optional(text('Only orders of this tenant; all when absent.', { examples: ['default'] })),
    fallback: Type.Boolean({
      default: false,
      description:
        'Told only of what no gateway before it can carry out, and of what goes further: when a containment was refused, unsupported or seen not to hold.',
    }),
  },
  { additionalProperties: false },
)

const PolicyRule = Type.Object(
  {
    roles: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'Of these roles; any when absent.',
        examples: [['payments']],
      }),
    ),
    tools: Type.Optional(
      Type.Array(oneOf(['read', 'side-effect', 'unknown'], {}), {
        description: 'Caused by a call of a tool that does this; any when absent.',
        examples: [['read']],
      }),
    ),
    severities: Type.Optional(
      Type.Array(oneOf(['low', 'medium', 'high', 'critical'], {}), {
        description: 'Of these severities; any when absent.',
        examples: [['critical']],
      }),
    ),
    atLeast: Type.Optional(oneOf(LEVELS, { description: 'The mildest level that is ordered.' })),
    atMost: Type.Optional(oneOf(LEVELS, { description: 'The most severe level that is ordered.' })),
    approval: Type.Boolean({ default: false, description: 'Deliver only what a person approved.' }),
    leaseMinutes: Type.Optional(
      Type.Integer({ minimum: 1, description: 'How long it lasts, where it differs.', examples: [60] }),
    ),
  },
  { additionalProperties: false },
)

const share = (what: string, value: number) =>
  Type.Number({
    minimum: 0,
    maximum: 1,
    default: value,
    description: `Share of the tenant's live ${what} that may be contained within an hour without a person.`,
  })

const floor = (what: string, value: number) =>
  Type.Integer({ minimum: 0, default: value, description: `As many ${what} may be, however few are live.` })

const Budget = section(
  {
    sessions: share('sessions', 0.2),
    agents: share('agents', 0.25),
    tools: share('tools', 0.2),
    sessionsFloor: floor('sessions', 20),
    agentsFloor: floor('agents', 20),
    toolsFloor: floor('tools', 5),
    redundantPairs: list(
      Type.Array(Type.String({ minLength: 1 }), { minItems: 2, maxItems: 2 }),
      'Agents, tools (`server/name`) or servers that stand in for each other: never both without a person.',
      [['payer-1', 'payer-2']],
    ),
    coolDownMinutes: Type.Integer({
      minimum: 0,
      default: 10,
      description: 'After a person released a target, it is contained again only with approval for this long.',
    }),
  },
  'Blast radius: what is beyond it awaits approval. Live is what sent events within one to two hours; each scoring process counts its own.',
)

const Approvals = section(
  {
    answerMinutes: count('Time that people have to answer.', { default: 15 }),
    validMinutes: count('Time in which an approved call must be made.', { default: 5 }),
    people: count('How many different people must approve; 2 is the two-person rule.', { default: 1, maximum: 2 }),
    unansweredCall: oneOf(['deny', 'approve'], {
      default: 'deny',
      description: 'What a call gets when nobody answered in time.',
    }),
    unansweredContainment: oneOf(['deny', 'approve'], {
      default: 'deny',
      description: 'What a containment gets when nobody answered in time: `deny` drops it, `approve` delivers it.',
    }),
    webhook: Type.Optional(
      Type.Object(
        {
          url: Type.String({
            ...HTTP_URL,
            description: 'Where questions and answers are posted to.',
            examples: ['https://chat.example/belay'],
          }),
          secrets: Type.Array(SecretRef, {
            minItems: 1,
            maxItems: 2,
            description: 'Standard Webhooks secrets (`whsec_...`); answers come back signed with one of them.',
            examples: [[{ env: 'CHAT_SECRET' }]],
          }),
          allowPrivate: Type.Boolean({ default: false, description: 'Permit a loopback or private address.' }),
        },
        { additionalProperties: false, description: 'Present: a chat tool is told, and may answer.' },
      ),
    ),
  },
  'Questions to people: calls under `require_step_up`, and containments that await approval.',
)

const Containment = section(
  {
    levels: Type.Array(oneOf(LEVELS, {}), {
      minItems: 1,
      default: [...LEVELS],
      description: 'Rungs of the ladder that may be ordered; what asks for another gets the next milder one.',
    }),
    policy: list(PolicyRule, 'What is ordered for findings that match; the first rule that matches counts.'),
    leaseMinutes: count('How long a containment lasts unless it is renewed.', { default: 240 }),
    quarantineMinutes: count('How long a quarantined tool stays so.', { default: 1440 }),
    protectedRoles: list(Type.String({ minLength: 1 }), 'Roles that are contained only with approval.', [
      'payments-core',
    ]),
    protectedAgents: list(Type.String({ minLength: 1 }), 'Agents that are contained only with approval.', [
      'treasurer',
    ]),
    protectedTools: list(
      Type.String({ minLength: 1 }),
      'Tools that are quarantined only with approval, as `server/tool` or `tool`.',
      ['bank/payroll'],
    ),
    budget: Budget,
    approvals: Approvals,
    gateways: list(Gateway, 'Who is told, in this order. PEPs that ask (`GET /v1/decisions`) need no entry.'),
  },
  'How a session is contained.',
)

/** A wire of a destination: exactly one of them stands in each entry. */
const wire = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  Type.Optional(Type.Object(properties, { additionalProperties: false, description }))

const privateToo = Type.Boolean({ default: false, description: 'Permit a loopback or private address.' })
const authority = Type.Optional(
  text("File with the certificate authority to trust (PEM); the system's when absent.", {
    examples: ['/etc/belay/siem-ca.pem'],
  }),
)

const Syslog = wire(
  {
    host: text('Name or address of the receiver.', { examples: ['siem.example'] }),
    port: Type.Integer({ minimum: 1, maximum: 65_535, default: 6514, description: 'Its port.' }),
    transport: oneOf(['tls', 'tcp', 'udp'], {
      default: 'tls',
      description:
        'How: TLS (RFC 5425), TCP with octet counting (RFC 6587), or UDP (RFC 5426), which may lose messages.',
    }),
    ca: authority,
    cert: Type.Optional(text('File with the client certificate (PEM).', { examples: ['/etc/belay/client.pem'] })),
    key: Type.Optional(secret('Key of the client certificate (PEM).', [{ file: '/etc/belay/client.key' }])),
    serverName: Type.Optional(
      text("Name in the receiver's certificate, where it is not `host`.", { examples: ['siem.example'] }),
    ),
    confirm: Type.Boolean({
      default: true,
      description:
        'Count a batch as sent only when the receiver has closed its side after reading to the end; over TCP and TLS.',
    }),
    hostname: Type.Optional(
      text('What stands as HOSTNAME; the name of this machine when absent.', { examples: ['belay-1'] }),
    ),
    allowPrivate: privateToo,
  },
  'Syslog (RFC 5424).',
)

const RotatingFiles = wire(
  {
    path: text('The file; rotated ones get .1 (the newest), .2 and so on.', {
      examples: ['/var/log/belay/findings.ndjson'],
    }),
    maxMegabytes: count('Size at which it is rotated.', { default: 100, maximum: 1_000_000 }),
    keep: Type.Integer({ minimum: 0, maximum: 1_000, default: 10, description: 'Rotated files that are kept.' }),
  },
  'A file, one line each.',
)

const Splunk = wire(
  {
    url: Type.String({
      ...HTTP_URL,
      description: 'Address of the HTTP Event Collector, without a path.',
      examples: ['https://splunk.example:8088'],
    }),
    token: secret('Token of the collector.', [{ env: 'SPLUNK_TOKEN' }]),
    ack: Type.Boolean({
      default: true,
      description: 'Ask until the indexer has a batch; the token must have acknowledgement turned on.',
    }),
    index: Type.Optional(text("Index; the token's own when absent.", { examples: ['main'] })),
    sourcetype: Type.Optional(text('Source type; after the shape when absent.', { examples: ['belay:finding'] })),
    ca: authority,
    allowPrivate: privateToo,
  },
  'Splunk HTTP Event Collector.',
)

const Elastic = wire(
  {
    url: Type.String({
      ...HTTP_URL,
      description: 'Address of the cluster.',
      examples: ['https://elastic.example:9200'],
    }),
    index: text('Index, alias or data stream.', { default: 'logs-belay.alert-default' }),
    apiKey: Type.Optional(secret('API key, as Elasticsearch shows it encoded.', [{ env: 'ELASTIC_API_KEY' }])),
    user: Type.Optional(text('User name, in place of an API key.', { examples: ['belay'] })),
    password: Type.Optional(secret('Password of that user.', [{ env: 'ELASTIC_PASSWORD' }])),
    ca: authority,
    allowPrivate: privateToo,
  },
  'Elasticsearch or OpenSearch, by the bulk API.',
)

const KafkaOut = wire(
  {
    topic: text('Topic; it must exist.', { examples: ['siem.findings'] }),
    brokers: Type.Optional(
      Type.Array(Type.String({ pattern: '^.+:\\d+$', expected: 'host:port' }), {
        minItems: 1,
        description: 'Another cluster than that of the section `kafka`, as host:port.',
        examples: [['siem-kafka:9092']],
      }),
    ),
    tls: KafkaTls,
    sasl: KafkaLogin,
  },
  'A Kafka topic, keyed by tenant and agent.',
)

const Otlp = wire(
  {
    url: Type.String({
      ...HTTP_URL,
      description: 'Address of the collector; `/v1/logs` is added.',
      examples: ['https://otel.example:4318'],
    }),
    token: Type.Optional(secret('Bearer token.', [{ env: 'OTLP_TOKEN' }])),
    ca: authority,
    allowPrivate: privateToo,
  },
  'OTLP/HTTP logs, JSON encoding.',
)

const WebhookOut = wire(
  {
    url: Type.String({ ...HTTP_URL, description: 'Where it is posted to.', examples: ['https://soar.example/belay'] }),
    secrets: Type.Array(SecretRef, {
      maxItems: 2,
      default: [],
      description: 'Standard Webhooks secrets (`whsec_...`) to sign with; two while one replaces the other.',
      examples: [[{ env: 'SOAR_SECRET' }]],
    }),
    token: Type.Optional(secret('Bearer token.', [{ env: 'SOAR_TOKEN' }])),
    batch: count('Messages in one request; with more than one the body is a JSON array, or several lines.', {
      default: 1,
      maximum: 1_000,
    }),
    ca: authority,
    allowPrivate: privateToo,
  },
  'HTTP POST; any 2xx answer means taken.',
)

const Destination = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
      expected: 'letters, digits, . _ -',
      description: 'Name in logs, metrics and on the command line; its queue goes by it.',
      examples: ['siem'],
    }),
    shape: oneOf(['ocsf', 'ecs', 'cef', 'leef', 'json'], {
      default: 'ocsf',
      description: 'How a message is written; `json` is CloudEvents in our own words.',
    }),
    send: Type.Array(oneOf(['findings', 'calls', 'auth'], {}), {
      minItems: 1,
      default: ['findings'],
      description: 'What is sent: findings, every tool call, outcomes of logins.',
    }),
    severity: Type.Optional(
      oneOf(['low', 'medium', 'high', 'critical'], {
        description: 'Findings of this severity or worse; all when absent.',
      }),
    ),
    tenants: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'Of these tenants; all when absent.',
        examples: [['acme']],
      }),
    ),
    tags: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'Findings with one of these tags; all when absent.',
        examples: [['AML.T0086', 'ASI01']],
      }),
    ),
    redact: list(
      oneOf(['agent', 'session', 'user', 'address', 'observed'], {}),
      'What the receiver must not see: names become pseudonyms, addresses and observed values are left out.',
      ['user', 'observed'],
    ),
    perSecond: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Messages a second at most; as fast as it takes them when absent.',
        examples: [500],
      }),
    ),
    file: RotatingFiles,
    syslog: Syslog,
    splunk: Splunk,
    elastic: Elastic,
    kafka: KafkaOut,
    otlp: Otlp,
    webhook: WebhookOut,
  },
  { additionalProperties: false },
)

const Limits = section(
  {
    maxBatchEvents: count('Events in one batch at most.', { default: 5000, maximum: 50_000 }),
    maxUnstored: count('Events judged but not yet stored at most; beyond it the source pauses.', {
      default: 50_000,
    }),
    maxSessions: count('Sessions kept in memory; others are restored from the store.', { default: 200_000 }),
    sessionIdleMinutes: count(
      'A session silent for this long, in event time, begins anew; also how far back it is restored from the store.',
      { default: 30, maximum: 10_080 },
    ),
    shutdownSeconds: count('Time a stopping process has to drain.', { default: 20 }),
  },
  'Bounds on memory and time.',
)

const Retention = section(
  {
    eventDays: count('Days that events, signals and dead letters are kept.', { default: 90, maximum: 20_000 }),
    findingDays: count('Days that findings and the history of containments are kept.', {
      default: 400,
      maximum: 20_000,
    }),
    undeliveredDays: count('Days that a finding waits for a SIEM that is down, or lies dead after it was refused.', {
      default: 14,
      maximum: 3650,
    }),
  },
  'How long what is kept.',
)

const Log = section(
  {
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      default: 'info',
      description: 'Least severe line to write.',
    }),
  },
  'Logs: JSON lines on standard error, readable ones when that is a terminal.',
)

export const ConfigSchema = Type.Object(
  {
    listen: Listen,
    data: text('Folder for everything embedded: chDB, outbox, keys, baselines.', { default: '.belay' }),
    roles: Type.Array(oneOf(ROLES, {}), {
      minItems: 1,
      default: [...ROLES],
      description: 'What this process does; several processes may share the work.',
    }),
    tokens: list(Token, 'Who may call the API. None and no `logins`: everyone on this machine, and loopback only.'),
    logins: list(
      Login,
      'Identity providers (OpenID Connect) whose ID tokens and JWT access tokens are bearer tokens too.',
    ),
    kafka: Kafka,
    clickhouse: ClickHouse,
    redis: Redis,
    redaction: Redaction,
    refs: Refs,
    baselines: Baselines,
    detection: Detection,
    rules: Rules,
    containment: Containment,
    forward: list(Destination, 'Where findings are sent to (docs/siem.md). Exactly one wire per entry.'),
    limits: Limits,
    retention: Retention,
    log: Log,
  },
  { additionalProperties: false, description: "Belay's configuration." },
)

export type Config = Static<typeof ConfigSchema>
export type Role = (typeof ROLES)[number]
