import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hunt, readHunts } from '../src/store/hunts.ts'
import { openStore } from '../src/store/open.ts'
import type { Store } from '../src/store/store.ts'
import { round } from './lib/meter.ts'

const EVENTS = Number(process.env.BELAY_BENCH_EVENTS ?? 5_000_000)
const BLOCK = 500_000
const RUNS = 3
const INTERACTIVE_MS = 200
const MOST_MS = 2_000

/** Every named hunt, through the gate, over a month of events of 400 agents. */
export const benchmark = {
  about: `named hunts on ${EVENTS} stored events: interactive under ${INTERACTIVE_MS} ms, none over ${MOST_MS} ms`,
  run,
}

async function run(progress: (line: string) => void): Promise<Record<string, unknown>> {
  const directory = mkdtempSync(join(tmpdir(), 'belay-bench-'))
  const store = await openStore({ kind: 'embedded', directory, retention: { eventDays: 20_000, findingDays: 20_000 } })
  try {
    await store.migrate()
    for (let from = 0; from < EVENTS; from += BLOCK) {
      await store.command(ROWS, { from, count: Math.min(BLOCK, EVENTS - from) })
      progress(`${from + BLOCK} events`)
    }
    const took: Record<string, number> = {}
    for (const hunt of readHunts()) {
      took[hunt.name] = await medianMs(store, hunt)
      progress(`${hunt.name}: ${took[hunt.name]} ms`)
    }
    const times = Object.values(took)
    return {
      work: 'named hunts through the gate, embedded engine',
      events: EVENTS,
      hunts: times.length,
      hunts_ms: took,
      interactive: times.filter((ms) => ms < INTERACTIVE_MS).length,
      slowest_ms: Math.max(...times),
    }
  } finally {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function medianMs(store: Store, { sql, parameters }: Hunt): Promise<number> {
  const values = Object.fromEntries(parameters.map(({ name, standard }) => [name, standard]))
  const times: number[] = []
  for (let i = 0; i < RUNS; i++) {
    const startedMs = performance.now()
    await store.hunt({
      tenant: 'acme',
      sql,
      parameters: values,
      format: 'JSONCompact',
      limits: { maxMs: 120_000, maxMemoryBytes: 4e9 },
    })
    times.push(performance.now() - startedMs)
  }
  return round(times.sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0)
}

/** Ten events a session, a call's request and response in turn; one event in 500 has a signal, one in 5,000 a finding. */
const ROWS = `
INSERT INTO event_rows (tenant, agent_id, session_id, source, event_id, time, received, clock, signature, origin, position,
  op, phase, call_id, role, server, tool, status, bytes, records, duration_ms, \`refs.in\`, \`refs.kind\`, \`refs.fp\`,
  \`refs.untrusted\`, \`refs.imperative\`, egress_hosts, egress_countries, egress_ports, token, first_of_call, score, risk,
  action, baseline, finding_id, \`signal.by\`, \`signal.kind\`, \`signal.strength\`, \`signal.tail\`, \`signal.evidence\`,
  \`signal.reasons\`, event)
SELECT 'acme', concat('agent-', toString(intDiv(n, 10) % 400)), concat('run-', toString(intDiv(n, 10))), 'urn:pep:bench',
  toString(n), now64(3) - toIntervalSecond(intDiv(n * 2592000, 5000000)), now64(3) - toIntervalSecond(intDiv(n * 2592000, 5000000)),
  'on-time', 'valid', 'bench', n, 'tools/call', if(n % 2 = 0, 'request', 'response'), toString(intDiv(n, 2)),
  concat('role-', toString(intDiv(n, 10) % 20)), concat('server-', toString(n % 7)), concat('tool_', toString(intHash32(intDiv(n, 2)) % 40)),
  if(n % 2 = 0, '', if(n % 97 = 0, 'error', 'ok')), if(n % 2 = 0, NULL, intHash32(n) % 20000), if(n % 2 = 0, NULL, n % 50),
  toFloat32(n % 900), if(n % 5 = 0, ['args'], []), if(n % 5 = 0, ['email'], []),
  if(n % 5 = 0, [lower(hex(sipHash128(intHash32(n) % 20000)))], []), if(n % 5 = 0, [false], []), if(n % 5 = 0, [false], []),
  if(n % 9 = 0, [concat('host-', toString(n % 300), '.example')], []), if(n % 9 = 0, ['DE'], []), if(n % 9 = 0, [''], []),
  concat('tools/call:tool_', toString(intHash32(intDiv(n, 2)) % 40)), n % 2 = 0, if(n % 500 = 0, 3, 0), if(n % 500 = 0, 0.6, 0.01),
  'allow', 'v1', if(n % 5000 = 0, toString(n), ''), if(n % 500 = 0, ['odd'], []), if(n % 500 = 0, ['detector'], []),
  if(n % 500 = 0, [6], []), if(n % 500 = 0, [0.001], []), if(n % 500 = 0, [3], []), if(n % 500 = 0, ['[]'], []), '{}'
FROM (SELECT number + {from:UInt64} AS n FROM numbers({count:UInt64}))`
