import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CloudEvent, Reason } from '../model/index.ts'
import { parseConfig, settingsOf } from './config.ts'
import { playFleet } from './demo/fleet.ts'
import { DemoGateway, type Told } from './demo/gateway.ts'
import { type Instance, startInstance } from './instance.ts'
import type { Io } from './io.ts'
import { learnFiles } from './learn-files.ts'
import { createLog } from './log.ts'
import { baselineFolder } from './parts/keys.ts'
import type { Overrides } from './up.ts'

/** Beside src/ in a checkout, beside dist/src/ in a build. */
const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url))
const ROLES = ['finance', 'support', 'research'] as const
const SPEED = 3
const SECRET_NAME = 'BELAY_DEMO_SECRET'

/**
 * The whole of Belay in half a minute, with nothing set up by hand: learns three roles from their recorded history,
 * plays a fleet of agents through a small real gateway, and shows how the one hijacked session is contained.
 */
export async function runDemo(io: Io, overrides: Overrides): Promise<void> {
  const data = resolve(overrides.data ?? mkdtempSync(join(tmpdir(), 'belay-demo-')))
  const secret = `whsec_${randomBytes(24).toString('base64')}`
  const gateway = new DemoGateway(secret)
  try {
    const gatewayUrl = await gateway.listen()
    const yaml = configText({ data, gatewayUrl, port: overrides.port ?? 0 })
    const settings = settingsOf(
      parseConfig(yaml, 'the demo configuration'),
      { ...io.env, [SECRET_NAME]: secret },
      'the demo configuration',
    )
    // The recorded fleet is played as if it worked right now, so its history moves along.
    const events = readEvents(join(FIXTURES, 'fleet.ndjson'))
    const shiftMs = Date.now() - Date.parse(events[0]?.time ?? '')
    const startedMs = Date.now()
    io.out(`learning ${ROLES.length} roles from fixtures/benign …`)
    const history = ROLES.map((role) => shifted(join(FIXTURES, 'benign', `${role}.ndjson`), shiftMs, data))
    const { snapshots, events: learnt } = await learnFiles(settings, io, history, baselineFolder(data))
    for (const { role, sessions, agents, state } of snapshots)
      io.out(`  ${role.padEnd(10)} ${state}, ${sessions} sessions of ${agents} agents`)
    io.out(`  ${learnt} events in ${seconds(Date.now() - startedMs)}\n`)
    const log = createLog('warn', { write: (line) => process.stderr.write(line) })
    const instance = await startInstance(settings, log)
    try {
      await show(io, instance, gateway, events)
    } finally {
      await instance.stop()
    }
  } finally {
    await gateway.close()
    if (overrides.data === undefined) rmSync(data, { recursive: true, force: true })
  }
}

async function show(io: Io, instance: Instance, gateway: DemoGateway, events: readonly CloudEvent[]): Promise<void> {
  io.out(`belay is up on ${instance.url}, all embedded; the fleet goes to work through the gateway`)
  const startedMs = Date.now()
  const told: Told[] = []
  gateway.onTold = (one) => {
    told.push(one)
    io.out(`${clock()}  CONTAINED   ${one.session}: gateway told "${one.action}", lease until ${one.expiresAt}`)
  }
  const played = await playFleet({
    events,
    gateway,
    ingestUrl: `${instance.url}/v1/events`,
    speed: SPEED,
    audience: {
      called: ({ data }, call) =>
        io.out(
          `${clock()}  call ${call}      ${data.session.id.padEnd(22)} ${data.agent.id.padEnd(14)} ${data.tool?.name ?? data.op}`,
        ),
      refused: ({ data }, call, by) =>
        io.out(
          `${clock()}  REFUSED     ${data.session.id}: call ${call} \`${data.tool?.name}\` (${by.action} by ${by.containmentId})`,
        ),
    },
  })
  io.out(
    `\n${played.sessions} sessions, ${played.calls} calls in ${seconds(Date.now() - startedMs)}; ${told.length} told to the gateway, ${played.refused} call(s) refused\n`,
  )
  for (const one of told) await explain(io, instance, one, played.sentMs)
  if (told.length === 0) io.out('nothing was contained: that is not what this demo is meant to show')
}

interface FindingRow {
  readonly event_id: string
  readonly call_id: string
  readonly session_id: string
  readonly agent_id: string
  readonly role: string
  readonly tool: string
  readonly title: string
  readonly risk: number
  readonly reasons: string
  readonly baseline: string
}

async function explain(io: Io, instance: Instance, told: Told, sentMs: ReadonlyMap<string, number>): Promise<void> {
  const rows = await instance.parts.store.query<FindingRow>(
    'SELECT * FROM findings WHERE session_id = {session:String} ORDER BY time',
    { session: told.session },
  )
  for (const row of rows) {
    const call = Number(row.call_id.split('-').at(-1)) + 1
    const took = told.acknowledgedMs - (sentMs.get(row.event_id) ?? Number.NaN)
    io.out(`why: ${row.title}`)
    io.out(
      `  session   ${row.session_id} of ${row.agent_id} (role ${row.role}), contained at call ${call}, \`${row.tool}\``,
    )
    io.out(`  risk      ${row.risk.toFixed(3)} (0.5 is the role's threshold), judged by baseline ${row.baseline}`)
    for (const { what, observed, expected } of JSON.parse(row.reasons) as Reason[]) {
      io.out(`  signal    ${what}`)
      io.out(`            observed ${observed}`)
      io.out(`            expected ${expected}`)
    }
    io.out(
      `  gateway   told ${told.action} for session ${told.session} until ${told.expiresAt}, with a signed callback`,
    )
    io.out(`            ${took} ms from the event to the acknowledged callback`)
    io.out(`  undo      belay release ${told.containmentId}`)
  }
}

function configText(options: { data: string; gatewayUrl: string; port: number }): string {
  return JSON.stringify({
    data: options.data,
    listen: { port: options.port },
    log: { level: 'warn' },
    detection: { mode: 'enforce' },
    containment: {
      gateways: [
        { name: 'demo-gateway', url: options.gatewayUrl, allowPrivate: true, secrets: [{ env: SECRET_NAME }] },
      ],
    },
  })
}

function readEvents(path: string): CloudEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as CloudEvent)
}

/** A copy of an event file, every time moved by `shiftMs`. */
function shifted(path: string, shiftMs: number, folder: string): string {
  const copy = join(folder, `shifted-${basename(path)}`)
  const moved = readEvents(path).map((event) => ({
    ...event,
    time: new Date(Date.parse(event.time) + shiftMs).toISOString(),
  }))
  writeFileSync(copy, moved.map((event) => `${JSON.stringify(event)}\n`).join(''))
  return copy
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function clock(): string {
  return new Date().toISOString().slice(11, 23)
}
