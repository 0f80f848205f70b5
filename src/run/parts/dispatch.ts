import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ApprovalBook } from '../../dispatch/approval-book.ts'
import { RedisApprovals } from '../../dispatch/approvals/redis.ts'
import { SqliteApprovals } from '../../dispatch/approvals/sqlite.ts'
import { ApprovalWebhook } from '../../dispatch/approvals/webhook.ts'
import type { ApprovalPolicy, Approvals } from '../../dispatch/approvals.ts'
import { type BlastPolicy, BlastRadius } from '../../dispatch/blast-radius.ts'
import { Census, type Live } from '../../dispatch/census.ts'
import { systemClock } from '../../dispatch/clock.ts'
import { DispatchDatabase } from '../../dispatch/database.ts'
import type { ContainmentDesk } from '../../dispatch/desk.ts'
import type { Dispatcher } from '../../dispatch/dispatcher.ts'
import { History } from '../../dispatch/history.ts'
import type { DispatchObserver } from '../../dispatch/observer.ts'
import { openOffice } from '../../dispatch/office.ts'
import { REDIS_POSTURE_DEFAULTS, RedisPosture } from '../../dispatch/posture/redis.ts'
import { SqlitePosture } from '../../dispatch/posture/sqlite.ts'
import type { Posture } from '../../dispatch/posture.ts'
import { BULLMQ_DEFAULTS, BullmqQueue } from '../../dispatch/queue/bullmq.ts'
import { Outbox } from '../../dispatch/queue/outbox.ts'
import type { OrderQueue } from '../../dispatch/queue.ts'
import { Routes } from '../../dispatch/routes.ts'
import { RedisVerdicts } from '../../dispatch/verdicts/redis.ts'
import { LocalVerdicts, type Verdicts } from '../../dispatch/verdicts.ts'
import { EffectivenessWatch } from '../../dispatch/watch.ts'
import type { LeaseChange } from '../../model/index.ts'
import type { Watch } from '../../pipeline.ts'
import type { Store } from '../../store/store.ts'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { gatewaysOf, type OpenGateway } from './gateways.ts'
import { type RedisSection, redisPrefix, redisUrl } from './redis.ts'

/** Deliveries to one gateway at a time. */
const CONCURRENCY_PER_GATEWAY = 16

export interface DispatchRoom {
  readonly posture: Posture
  readonly queue: OrderQueue
  readonly desk: ContainmentDesk
  readonly dispatcher: Dispatcher
  readonly watch: Watch
  readonly verdicts: Verdicts
  readonly approvals: Approvals
  readonly webhook?: ApprovalWebhook
  readonly census: Census
  readonly history: History
  readonly gateways: readonly OpenGateway[]
  /** Writes the history that waits, then closes everything. After the dispatcher has stopped. */
  close(): Promise<void>
}

export interface DispatchContext {
  readonly observe: DispatchObserver
  /** where the history of containments is kept */
  readonly writeChanges: (changes: readonly LeaseChange[]) => Promise<void>
}

export async function openDispatch(settings: Settings, context: DispatchContext): Promise<DispatchRoom> {
  const gateways = gatewaysOf(settings)
  const { observe } = context
  // Jobs are lost with the data of a Redis; who remembers the leases puts them again.
  const afterLoss: { reconcile?: () => Promise<void> } = {}
  const refilled = () => void afterLoss.reconcile?.().catch((error: unknown) => observe.failed('posture', error))
  const { queue, posture, book, verdicts, close } = await openQueueAndPosture(settings, observe, refilled)
  const clock = systemClock
  const history = new History(context.writeChanges, clock, observe)
  const routes = new Routes(
    settings.config.containment.gateways.map(({ tenant, fallback }, at) => ({
      gateway: gateways[at] as OpenGateway,
      fallback,
      ...(tenant !== undefined && { tenant }),
    })),
  )
  const shared = { posture, routes, history, observe, clock }
  const census = new Census(Date.now)
  const guard = new BlastRadius({
    policy: blastPolicy(settings.config.containment.budget),
    live: (tenant) => census.live(tenant),
    now: Date.now,
    overBudget: (over) => observe.overBudget(over),
  })
  posture.subscribe((change) => guard.note(change))
  for (const change of (await posture.changes(0, clock.now())) ?? []) guard.note(change)
  const allowed = new Set(settings.config.containment.levels)
  const webhook = approvalWebhook(settings, (error) => observe.failed('approval webhook', error))
  const witness: DispatchObserver = {
    ...observe,
    approval(approval) {
      observe.approval(approval)
      webhook?.tell(approval)
    },
  }
  const approvalPolicy = approvalPolicyOf(settings.config.containment.approvals)
  const roleOf = (tenant: string, agent: string) => census.roleOf(tenant, agent)
  const parts = {
    ...shared,
    roleOf,
    observe: witness,
    queue,
    book,
    approvalPolicy,
    random: Math.random,
    allowed,
    guard,
  }
  const office = openOffice(parts)
  afterLoss.reconcile = () => office.desk.reconcile()
  const readOnlyTools = new Set(settings.config.detection.readOnlyTools)
  const effectiveness = new EffectivenessWatch({
    covering: (query) => posture.covering(query),
    recall: (orderId) => posture.recall(orderId),
    readOnlyTools,
  })
  return {
    ...office,
    posture,
    verdicts,
    queue,
    history,
    gateways,
    ...(webhook && { webhook }),
    census,
    watch: {
      see(events) {
        census.see(events)
        return effectiveness.see(events)
      },
    },
    async close() {
      await history.flush()
      for (const gateway of gateways) gateway.close()
      webhook?.close()
      await close()
    },
  }
}

function approvalWebhook({ config, secret }: Settings, onError: (error: unknown) => void): ApprovalWebhook | undefined {
  const { webhook } = config.containment.approvals
  if (!webhook) return undefined
  const { url, secrets, allowPrivate } = webhook
  const options = { name: 'approvals', url, allowPrivate, secrets: secrets.map(secret) }
  return new ApprovalWebhook(options, { clock: systemClock, random: Math.random, onError })
}

function approvalPolicyOf(approvals: Config['containment']['approvals']): ApprovalPolicy {
  const { answerMinutes, validMinutes, people, unansweredCall, unansweredContainment } = approvals
  return {
    answerMs: answerMinutes * 60_000,
    validMs: validMinutes * 60_000,
    people,
    unanswered: { call: unansweredCall, containment: unansweredContainment },
  }
}

function blastPolicy(budget: Config['containment']['budget']): BlastPolicy {
  const { sessions, agents, tools, sessionsFloor, agentsFloor, toolsFloor, redundantPairs, coolDownMinutes } = budget
  return {
    share: { sessions, agents, tools },
    floor: { sessions: sessionsFloor, agents: agentsFloor, tools: toolsFloor },
    redundantPairs: redundantPairs.map(([a = '', b = '']) => [a, b] as const),
    coolDownMs: coolDownMinutes * 60_000,
  }
}

interface QueueAndPosture {
  readonly queue: OrderQueue
  readonly posture: Posture
  readonly book: ApprovalBook
  readonly verdicts: Verdicts
  readonly close: () => Promise<void>
}

function openQueueAndPosture(
  settings: Settings,
  observe: DispatchObserver,
  refilled: () => void,
): Promise<QueueAndPosture> {
  const { redis, data } = settings.config
  return redis ? distributed(settings, redis, observe, refilled) : embedded(data, observe)
}

async function embedded(data: string, observe: DispatchObserver): Promise<QueueAndPosture> {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const database = new DispatchDatabase(join(data, 'dispatch.db'))
  const posture = new SqlitePosture(database, Date.now())
  const queue = new Outbox(database, systemClock, {
    concurrencyPerGateway: CONCURRENCY_PER_GATEWAY,
    onError: (error) => observe.failed('queue', error),
  })
  const close = async (): Promise<void> => {
    await queue.close()
    await posture.close()
    database.close()
  }
  return { queue, posture, book: new SqliteApprovals(database), verdicts: new LocalVerdicts(systemClock), close }
}

async function distributed(
  settings: Settings,
  section: RedisSection,
  observe: DispatchObserver,
  refilled: () => void,
): Promise<QueueAndPosture> {
  const url = redisUrl(settings, section)
  const prefix = redisPrefix(section)
  const queue = new BullmqQueue(systemClock, {
    ...BULLMQ_DEFAULTS,
    url,
    prefix,
    onError: (error) => observe.failed('queue', error),
  })
  try {
    const posture = await RedisPosture.connect(systemClock, {
      ...REDIS_POSTURE_DEFAULTS,
      url,
      prefix: `${prefix}:posture`,
      onRefilled: refilled,
      onError: (error) => observe.failed('posture', error),
    })
    const book = new RedisApprovals({
      url,
      prefix: `${prefix}:approvals`,
      onError: (error) => observe.failed('posture', error),
    })
    const verdicts = await RedisVerdicts.connect(systemClock, {
      url,
      prefix: `${prefix}:verdicts`,
      onError: (error) => observe.failed('posture', error),
    })
    const close = async (): Promise<void> => {
      await queue.close()
      await posture.close()
      book.close()
      verdicts.close()
    }
    return { queue, posture, book, verdicts, close }
  } catch (error) {
    await queue.close()
    throw error
  }
}

const LIVE = `SELECT tenant, toUInt32(uniq(agent_id, session_id)) AS sessions, toUInt32(uniq(agent_id)) AS agents,
  toUInt32(uniqIf((server, tool), tool != '')) AS tools
FROM events WHERE time > now() - INTERVAL 1 HOUR GROUP BY tenant`

/** A process that starts knows from the store who is live, else the first hour's budget would be its floor. */
export async function seedCensus(store: Pick<Store, 'query'>, census: Census): Promise<void> {
  for (const { tenant, ...live } of await store.query<Live & { readonly tenant: string }>(LIVE))
    census.seed(tenant, live)
}
