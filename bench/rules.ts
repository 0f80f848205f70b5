import { type Engine, Engine as RulesEngine, type TopLevelCondition } from 'json-rules-engine'
import type { Expression, Item, Match, Rule } from '../src/detect/sigma/ast.ts'
import { compileMatch } from '../src/detect/sigma/compile-match.ts'
import { EventView, FieldSlots } from '../src/detect/sigma/event-view.ts'
import { RAW_EVENTS } from '../src/detect/sigma/fields.ts'
import { assembleRules } from '../src/detect/sigma/load.ts'
import { RuleSet } from '../src/detect/sigma/rule-set.ts'
import { measure, percentile, round } from './lib/meter.ts'
import { randomFrom, sigmaEvents, sigmaRule } from './lib/sigma-rules.ts'
import type { Benchmark } from './main.ts'

const EVENTS = 20_000
const ROUNDS = 5
const SIZES = [50, 500, 4_000] as const
const PEER_RULES = 50
const PEER_EVENTS = 2_000

/** Rules against events of 1 kB, JSON.parse included, one thread. */
export const benchmark: Benchmark = {
  about: 'JSON lines of 1 kB to matched Sigma rules, against json-rules-engine with the same 50 rules and equal hits',
  async run(progress) {
    const lines = sigmaEvents(EVENTS, randomFrom(1))
    const rates: Record<string, unknown> = {}
    for (const size of SIZES) {
      const rate = await rateOf(generated(size, ''), lines)
      progress(`${size} rules: ${rate.perS} events/s, ${rate.matches} matches`)
      rates[`rules_${size}`] = { events_per_s: rate.perS, events_per_cpu_s: rate.perCpuS, matches: rate.matches }
    }
    const unrelated = await slowdown(lines)
    progress(`500 more rules about other fields: ${unrelated} of the rate`)
    const peer = await againstPeer(lines.slice(0, PEER_EVENTS))
    return {
      work: `${EVENTS} events of 1 kB, ${SIZES.join(', ')} rules`,
      events_per_s: peer.ours,
      peer: `json-rules-engine, ${PEER_RULES} rules, ${PEER_EVENTS} events, equal hits`,
      peer_events_per_s: peer.theirs,
      ratio: round(peer.ours / peer.theirs, 1),
      ...rates,
      rate_with_500_unrelated_rules: unrelated,
    }
  },
}

function generated(count: number, prefix: string, from = 0): readonly Rule[] {
  const random = randomFrom(7 + from)
  const documents = Array.from({ length: count }, (_, number) => sigmaRule(from + number, random, prefix))
  const { rules, failed } = assembleRules([{ path: 'generated', bytes: Buffer.from(documents.join('\n---\n')) }], {
    raw: true,
  })
  if (failed.length > 0) throw new Error(`a generated rule does not load: ${failed[0]?.message}`)
  return rules
}

interface Rate {
  readonly perS: number
  readonly perCpuS: number
  readonly matches: number
}

/** The median of some rounds; the first warms the compiler. */
async function rateOf(rules: readonly Rule[], lines: readonly string[]): Promise<Rate> {
  const ruleSet = new RuleSet(rules, RAW_EVENTS)
  const rounds: { perS: number; perCpuS: number }[] = []
  let matches = 0
  for (let round = 0; round <= ROUNDS; round++) {
    matches = 0
    const { wallS, cpuS } = await measure(() => {
      for (const line of lines) matches += ruleSet.match(JSON.parse(line)).length
    })
    if (round > 0) rounds.push({ perS: lines.length / wallS, perCpuS: lines.length / cpuS })
  }
  return {
    perS: round(
      percentile(
        rounds.map((one) => one.perS),
        0.5,
      ),
    ),
    perCpuS: round(
      percentile(
        rounds.map((one) => one.perCpuS),
        0.5,
      ),
    ),
    matches,
  }
}

/** How fast 500 rules still are beside 500 more about fields that no event has; 1 is no slower. Taken in turns. */
async function slowdown(lines: readonly string[]): Promise<number> {
  const rules = generated(500, '')
  const alone = new RuleSet(rules, RAW_EVENTS)
  const beside = new RuleSet([...rules, ...generated(500, 'Other', 500)], RAW_EVENTS)
  const ratios: number[] = []
  for (let round = 0; round <= 2 * ROUNDS; round++) {
    const cpuS: number[] = []
    for (const ruleSet of round % 2 === 0 ? [alone, beside] : [beside, alone]) {
      const measured = await measure(() => {
        for (const line of lines) ruleSet.match(JSON.parse(line))
      })
      cpuS.push(measured.cpuS)
    }
    const [first = 0, second = 0] = cpuS
    if (round > 0) ratios.push(round % 2 === 0 ? first / second : second / first)
  }
  return round(percentile(ratios, 0.5), 3)
}

// ---------------------------------------------------------------------------------------------------- peer

async function againstPeer(lines: readonly string[]): Promise<{ readonly ours: number; readonly theirs: number }> {
  const rules = generated(2 * PEER_RULES, '')
    .filter(isForPeer)
    .slice(0, PEER_RULES)
  const ruleSet = new RuleSet(rules, RAW_EVENTS)
  const engine = peerOf(rules)
  let ourHits = 0
  let theirHits = 0
  const run = (): void => {
    ourHits = 0
    for (const line of lines) ourHits += ruleSet.match(JSON.parse(line)).length
  }
  run()
  const ours: number[] = []
  for (let times = 0; times < 2 * ROUNDS; times++) ours.push((await measure(run)).cpuS)
  const theirs = await measure(async () => {
    for (const line of lines) theirHits += (await engine.run(JSON.parse(line))).events.length
  })
  if (ourHits !== theirHits) throw new Error(`not the same work: ${ourHits} hits here, ${theirHits} there`)
  return { ours: round(lines.length / percentile(ours, 0.5)), theirs: round(lines.length / theirs.cpuS) }
}

/** The peer has no search over all fields. */
function isForPeer(rule: Rule): boolean {
  return rule.kind === 'detection' && !JSON.stringify(rule.condition).includes('"name":"keywords"')
}

/** The same rules for json-rules-engine; a field path is a fact of its own there, read from the same object. */
function peerOf(rules: readonly Rule[]): Engine {
  const engine = new RulesEngine([], { allowUndefinedFacts: true })
  engine.addOperator('sigma', (value: unknown, number: unknown) => peerTests[number as number]?.(value) ?? false)
  for (const rule of rules)
    if (rule.kind === 'detection')
      engine.addRule({ conditions: topLevel(peerCondition(rule.condition)), event: { type: rule.key } })
  return engine
}

type PeerCondition =
  | TopLevelCondition
  | { readonly fact: string; readonly operator: string; readonly value: number; readonly path?: string }
const peerTests: ((value: unknown) => boolean)[] = []

function topLevel(condition: PeerCondition): TopLevelCondition {
  return 'fact' in condition ? ({ all: [condition] } as TopLevelCondition) : condition
}

function peerCondition(expression: Expression): PeerCondition {
  switch (expression.kind) {
    case 'search':
      return peerCondition(expression.of)
    case 'not':
      return { not: peerCondition(expression.of) } as TopLevelCondition
    case 'and':
      return { all: expression.of.map(peerCondition) } as TopLevelCondition
    case 'or':
      return { any: expression.of.map(peerCondition) } as TopLevelCondition
    case 'at-least':
      throw new Error('the peer has no such quantifier')
    case 'item':
      return peerItem(expression)
  }
}

function peerItem(item: Item): PeerCondition {
  if (item.field === undefined) throw new Error('the peer has no keywords')
  const [fact = '', ...path] = item.field.split('.')
  const each = item.values.map((value) => {
    peerTests.push(peerTest(value))
    const where = path.length > 0 ? { path: `$.${path.join('.')}` } : {}
    return { fact, operator: 'sigma', value: peerTests.length - 1, ...where }
  })
  return (item.link === 'all' ? { all: each } : { any: each }) as TopLevelCondition
}

/** The peer runs our own test of a value as its operator, so that only the engines differ. */
function peerTest(match: Match): (value: unknown) => boolean {
  if (match.kind === 'null') return (value) => value === undefined || value === null
  const test = compileMatch(match, new FieldSlots())
  const view = new EventView(0)
  return (value) => value !== undefined && test(value, view)
}
