import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { createDecoder } from '../src/accept/decode.ts'
import { createRedactor } from '../src/accept/redact.ts'
import { createRefExtractor } from '../src/accept/refs.ts'
import { emptyBaseline } from '../src/baseline/empty.ts'
import { loadDetectors } from '../src/detect/engine.ts'
import { Rules } from '../src/detect/rules.ts'
import { Sessions } from '../src/detect/session.ts'
import { resolveCorrelations } from '../src/detect/sigma/correlate-resolve.ts'
import { loadRules } from '../src/detect/sigma/load.ts'
import { rulesPage } from '../src/run/rules-page.ts'
import { testRules } from '../src/run/rules-test.ts'

/** Goal: every rule that comes with Belay does what it says, is told well, and is silent on clean work. */
const RULES = join(import.meta.dirname, '../rules')
const loaded = await loadRules([RULES])
const { silent } = resolveCorrelations(loaded.rules)
const told = loaded.rules.filter((rule) => !silent.has(rule))

test('all of them load, without a warning', () => {
  expect(loaded.failed).toEqual([])
  expect(loaded.warnings).toEqual([])
  expect(told.length).toBeGreaterThanOrEqual(40)
})

test('each holds its own cases, with a yes and a no', () => {
  expect(testRules(loaded).faults).toEqual([])
})

test.each(told.map((rule) => [rule.name ?? rule.key, rule] as const))(
  '%s says what it is and what to do',
  (name, rule) => {
    expect(rule.position.file).toBe(join(RULES, `${name}.yml`))
    expect(rule.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    for (const list of [rule.references, rule.falsePositives, rule.tags, rule.belay.runbook, rule.belay.knownGaps])
      expect(list).not.toEqual([])
    expect(rule.description).toBeTruthy()
    expect(rule.level).toBeDefined()
    for (const tag of rule.tags) expect(tag).toMatch(/^(attack|atlas|owasp-agentic|owasp-mcp)\.[a-z0-9.]+$/)
  },
)

test('none matches clean work', () => {
  const folder = join(import.meta.dirname, '../fixtures/benign')
  const redactor = createRedactor({ key: 'k' })
  const decode = createDecoder({ redactor, refs: createRefExtractor({ key: 'k' }) })
  const matched = new Set<string>()
  let judged = 0
  for (const file of readdirSync(folder)) {
    const sessions = new Sessions()
    const rules = new Rules(loaded.rules, 'test')
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n').filter(Boolean)) {
      const decoded = decode({ body: Buffer.from(line), origin: file, position: judged++ })
      if (!decoded.ok) throw new Error(decoded.rejected.error)
      const { event } = decoded
      const { session } = sessions.enter(event)
      const baseline = emptyBaseline(event.tenant, session.role)
      for (const { source } of rules.match({ event, session, baseline, signals: [] })) matched.add(source.id)
      sessions.leave(session, event)
    }
  }
  expect(judged).toBeGreaterThan(1_000)
  expect([...matched]).toEqual([])
})

test('rules/README.md is what the rules and detectors say', async () => {
  const detectors = await loadDetectors([join(RULES, '../detectors')])
  expect(readFileSync(join(RULES, 'README.md'), 'utf8')).toBe(rulesPage(loaded, detectors))
})

test('the schema for editors accepts them all, and no misspelt key', () => {
  const ajv = new Ajv({ allErrors: true, formats: { uuid: true } })
  const validate = ajv.compile(JSON.parse(readFileSync(join(RULES, 'schema.json'), 'utf8')))
  for (const file of readdirSync(RULES).filter((name) => name.endsWith('.yml')))
    for (const document of parseAllDocuments(readFileSync(join(RULES, file), 'utf8'))) {
      validate(document.toJS())
      expect([file, validate.errors ?? []]).toEqual([file, []])
    }
  expect(validate({ title: 'x', detection: { condition: 'a' }, run_book: [] })).toBe(false)
})
