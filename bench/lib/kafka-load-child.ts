import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { recordKey } from '../../src/accept/kafka-ingest.ts'
import type { CloudEvent } from '../../src/model/index.ts'
import { acknowledge, Receiver } from '../../test/dispatch/receiver.ts'
import { serve } from './child.ts'
import { benchEvents } from './events.ts'

/** The gateway's end: what it is told is received, verified and answered here, by the clock that publishing is timed by. */
export interface Listen {
  readonly kind: 'listen'
}

/** A fleet at work, and sessions that are hijacked meanwhile, each published up to the event that gives it away. */
export interface Publish {
  readonly kind: 'publish'
  readonly brokers: readonly string[]
  readonly topic: string
  readonly perSecond: number
  readonly attacksPerSecond: number
  readonly seconds: number
  /** first seconds whose attacks are not counted */
  readonly warmUpSeconds: number
  /** index in the scenario of the event that gives the attack away */
  readonly trigger: number
  readonly run: string
}

export interface Answer {
  readonly url?: string
  readonly published: number
  /** of each attack, from before it was handed to the producer */
  readonly toAcknowledgedByBroker: readonly number[]
  readonly toCallback: readonly number[]
  /** attacks that no callback came for */
  readonly unanswered: number
  /** callbacks for other sessions */
  readonly others: number
}

const NOTHING: Answer = { published: 0, toAcknowledgedByBroker: [], toCallback: [], unanswered: 0, others: 0 }
const SCENARIO = new URL('../../fixtures/scenarios/puppet-attack/events.ndjson', import.meta.url)
const TICK_MS = 10
const STEP_MS = 50
const LAST_CALLBACKS_MS = 3_000

interface Attack {
  publishedMs: number
  brokerMs: number
  toldMs: number
}

const receiver = new Receiver()
const attacks = new Map<string, Attack>()
let others = 0
receiver.answer = (callback, response) => {
  acknowledge('applied')(callback, response)
  const { id } = callback.data.target as { readonly id: string }
  const attack = attacks.get(id)
  if (attack === undefined) others++
  else if (attack.toldMs === 0) attack.toldMs = performance.now()
}

serve<Listen | Publish>(async (task) => {
  if (task.kind === 'publish') return publish(task)
  await receiver.start()
  return { ...NOTHING, url: receiver.url }
})

async function publish(task: Publish): Promise<Answer> {
  attacks.clear()
  others = 0
  const { brokers, perSecond, attacksPerSecond, seconds, run } = task
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const background = benchEvents(perSecond * seconds, { startMs: 0, gapMs: 0, run }).map(ofItsOwnAgent)
  const startMs = performance.now()
  const counted: string[] = []
  const running: Promise<unknown>[] = []
  let sent = 0
  for (let tick = 0; performance.now() - startMs < seconds * 1000; tick++) {
    const elapsedS = (performance.now() - startMs) / 1000
    const due = background.slice(sent, Math.floor(elapsedS * perSecond))
    sent += due.length
    if (due.length > 0) running.push(send(producer, task, due))
    if (attacks.size < Math.floor(elapsedS * attacksPerSecond)) {
      const session = `${run}-attack-${attacks.size}`
      if (elapsedS > task.warmUpSeconds) counted.push(session)
      attacks.set(session, { publishedMs: 0, brokerMs: 0, toldMs: 0 })
      running.push(attack(producer, task, session))
    }
    await delay(Math.max(0, startMs + (tick + 1) * TICK_MS - performance.now()))
  }
  await Promise.all(running)
  await delay(LAST_CALLBACKS_MS)
  await producer.disconnect()
  const done = counted.flatMap((session) => attacks.get(session) ?? [])
  const told = done.filter((one) => one.toldMs > 0)
  return {
    published: sent + attacks.size * (task.trigger + 1),
    toAcknowledgedByBroker: told.map((one) => one.brokerMs - one.publishedMs),
    toCallback: told.map((one) => one.toldMs - one.publishedMs),
    unanswered: done.length - told.length,
    others,
  }
}

async function attack(producer: Producer, task: Publish, session: string): Promise<void> {
  const scenario = readFileSync(SCENARIO, 'utf8').trimEnd().split('\n')
  for (const [at, line] of scenario.slice(0, task.trigger + 1).entries()) {
    if (at > 0) await delay(STEP_MS)
    const event = renamed(JSON.parse(line) as CloudEvent, session)
    const one = attacks.get(session)
    if (one !== undefined) one.publishedMs = performance.now()
    await send(producer, task, [event])
    if (one !== undefined) one.brokerMs = performance.now()
  }
}

async function send(producer: Producer, { topic }: Publish, events: readonly CloudEvent[]): Promise<void> {
  const time = new Date().toISOString()
  const messages = events.map((event) => ({
    key: recordKey(event.data.tenant ?? 'default', event.data.agent.id),
    value: JSON.stringify({ ...event, time }),
  }))
  await producer.send({ topic, messages, acks: -1 })
}

/** So that no agent of the fleet works more than one can. */
function ofItsOwnAgent(line: string): CloudEvent {
  const event = JSON.parse(line) as CloudEvent
  const { data } = event
  return { ...event, data: { ...data, agent: { ...data.agent, id: `${data.agent.id}-${data.session.id}` } } }
}

function renamed(event: CloudEvent, session: string): CloudEvent {
  const { data } = event
  const agent = { ...data.agent, id: `${data.agent.id}-${session}` }
  return {
    ...event,
    id: `${event.id}-${session}`,
    data: { ...data, call_id: `${data.call_id}-${session}`, agent, session: { ...data.session, id: session } },
  }
}
