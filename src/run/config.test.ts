import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError, loadConfig, parseConfig, refuseOpenListener, refuseUselessRoles } from './config.ts'

const problemsOf = (yaml: string): readonly string[] => {
  try {
    parseConfig(yaml, 'test.yaml')
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('without a file everything is embedded, on loopback', () => {
  const { config } = loadConfig(undefined, {})
  expect(config.listen).toEqual({ host: '127.0.0.1', port: 7300 })
  expect([config.kafka, config.clickhouse, config.redis]).toEqual([undefined, undefined, undefined])
  expect(config.roles).toContain('score')
})

test('a section fills in its own defaults', () => {
  const config = parseConfig('kafka: { brokers: ["k:9092"] }', 'test.yaml')
  expect(config.kafka?.topics.events).toBe('agent.tool.events.v1')
  expect(config.kafka?.signing).toEqual({ mode: 'warn', keys: [] })
})

test.each([
  ['listen: { port: x }', 'listen.port: expected a whole number (0 to 65535), found another text'],
  ['listen: { prot: 1 }', 'listen.prot: unknown key; did you mean `port`?'],
  ['lissten: {}', 'lissten: unknown key; did you mean `listen`?'],
  ['redis: {}', 'redis.url: missing: expected a redis:// or rediss:// URL'],
  ['redis: { url: "http://x" }', 'redis.url: expected a redis:// or rediss:// URL, found another text'],
  ['redis:', 'redis: expected a section of `key: value` lines, found nothing'],
  ['detection: { mode: enfroce }', 'detection.mode: expected one of monitor, enforce, found another text'],
  ['tokens: [{ name: a, sha256: abc, scopes: [pep] }]', 'tokens[0].sha256: expected the SHA-256'],
  ['tokens: [{ name: a, scops: [pep] }]', 'tokens[0].scops: unknown key; did you mean `scopes`?'],
  ['tokens: [{ name: a, scopes: [pep] }]', 'tokens[0]: needs exactly one of'],
  ['baselines: { timeZone: Mars/North }', 'baselines.timeZone: expected an IANA'],
  ['- a\n- b', 'expected a section of `key: value` lines, found a list'],
  ['a: [', 'at line 1'],
])('%j names the path', (yaml, problem) => {
  expect(problemsOf(yaml)).toContainEqual(expect.stringContaining(problem))
})

test('a secret in the file is refused without being shown', () => {
  const [problem] = problemsOf('redis: { url: "redis://r", password: hunter2 }')
  expect(problem).toBe(
    'redis.password: expected { env: NAME } or { file: PATH }; a secret is never written into this file',
  )
  expect(problemsOf('redis: { url: "redis://:hunter2@r" }')[0]).toMatch(/^redis\.url: carries a password/)
})

test('secrets come from the environment and from files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'belay-config-'))
  writeFileSync(join(folder, 'secret'), 'from a file\n')
  const config = {
    clickhouse: { url: 'http://c', password: { env: 'CH' } },
    refs: { key: { file: join(folder, 'secret') } },
  }
  const path = join(folder, 'belay.yaml')
  writeFileSync(path, stringify(config))
  const settings = loadConfig(path, { CH: 'from the environment' })
  expect(settings.secret({ env: 'CH' })).toBe('from the environment')
  expect(settings.secret({ file: join(folder, 'secret') })).toBe('from a file')
  expect(() => loadConfig(path, {})).toThrow('clickhouse.password: the environment variable CH is not set')
})

test('an open listener needs tokens', () => {
  const open = parseConfig('listen: { host: 0.0.0.0 }', 'test.yaml')
  expect(() => refuseOpenListener(open)).toThrow(/tokens/)
  expect(() => refuseOpenListener(parseConfig('', 'test.yaml'))).not.toThrow()
})

test('roles that could not do their work alone are refused, and shared parts make them possible', () => {
  const shared = 'kafka: { brokers: ["k:1"] }\nclickhouse: { url: "http://c" }\nredis: { url: "redis://r" }\n'
  for (const role of ['accept', 'score', 'learn', 'dispatch', 'web']) {
    expect(() => refuseUselessRoles(parseConfig(`roles: [${role}]`, 'test.yaml'))).toThrow(`roles: \`${role}\` without`)
    expect(() => refuseUselessRoles(parseConfig(`${shared}roles: [${role}]`, 'test.yaml'))).not.toThrow()
  }
  expect(() => refuseUselessRoles(parseConfig('', 'test.yaml'))).not.toThrow()
})

test('a file that is not there is a message, not a stack', () => {
  expect(() => loadConfig('/nowhere/belay.yaml', {})).toThrow(ConfigError)
})

test('any YAML is taken or refused with a path, never a crash', () => {
  const key = fc.constantFrom(
    'listen',
    'port',
    'kafka',
    'brokers',
    'tokens',
    'scopes',
    'redis',
    'url',
    '__proto__',
    'x',
  )
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(key, tie('node')),
    ),
  })).node
  const yaml = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    tree.map((value) => stringify(value)),
  )
  fc.assert(
    fc.property(yaml, (source) => {
      // Anything but a ConfigError is thrown on.
      expect(problemsOf(source)).toBeInstanceOf(Array)
    }),
    { numRuns: 500 },
  )
}, 60_000)

test('a section where a list belongs is refused, not taken for an empty list', () => {
  expect(problemsOf('tokens:\n  gateway:\n    sha256: x\n')).toEqual(['tokens: expected a list, found a section'])
  expect(problemsOf('tokens:\n  __proto__: {}\n')).toEqual(['tokens: expected a list, found a section'])
  expect(problemsOf('tokens: []\n')).toEqual([])
})

test('the example file and the table are generated from the schema', async () => {
  const { renderExample, renderPage } = await import('../../scripts/config-docs.ts')
  expect(readFileSync('belay.example.yaml', 'utf8'), 'run: npm run -s docs:config').toBe(renderExample())
  expect(readFileSync('docs/configuration.md', 'utf8'), 'run: npm run -s docs:config').toBe(renderPage())
})

test('the example, commented in, is valid', async () => {
  const { renderExample } = await import('../../scripts/config-docs.ts')
  const commentedIn = renderExample()
    .replace(/^(\s*)#(?! )/gm, '$1')
    .replace(/^ *sha256: .*$/m, '')
    // An entry of `forward` has one wire: all but the first go, up to the empty line behind them.
    .replace(/^ {4}syslog:[\s\S]*?\n\n/m, '\n')
    .replace(/^ {6}(http|contextForge|caep):\n( {8}.*\n)+/gm, '')
  expect(problemsOf(commentedIn)).toEqual([])
})
