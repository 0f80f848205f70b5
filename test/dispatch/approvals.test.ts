import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, it } from 'vitest'
import type { Approval, BoundCall } from '../../src/dispatch/approval.ts'
import { RedisApprovals } from '../../src/dispatch/approvals/redis.ts'
import { ApprovalWebhook } from '../../src/dispatch/approvals/webhook.ts'
import { systemClock } from '../../src/dispatch/clock.ts'
import type { Order } from '../../src/model/index.ts'
import { approval, approvalSuite } from '../../src/testing/approval-suite.ts'
import { order } from '../../src/testing/orders.ts'
import { redisServer } from '../services/redis.ts'
import { Receiver, respond, SECRET } from './receiver.ts'
import { APPLIED, Room, ScriptedGateway } from './room.ts'

const redis = await redisServer()
if (redis.available) {
  approvalSuite('RedisApprovals', async () => {
    const prefix = `{${randomUUID()}}`
    const opened = [new RedisApprovals({ url: redis.service.url, prefix, onError: () => undefined })]
    const [book] = opened
    if (book === undefined) throw new Error('unreachable')
    return {
      book,
      async another() {
        const other = new RedisApprovals({ url: redis.service.url, prefix, onError: () => undefined })
        opened.push(other)
        return other
      },
      async dispose() {
        for (const one of opened) one.close()
      },
    }
  })
}

/** Goal: a person's answer lets exactly the call pass that was asked for, and delivers or drops a containment. */
describe('approvals', () => {
  const rooms: Room[] = []
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.dispose()
  })
  const open = (over: ConstructorParameters<typeof Room>[1] = {}) => {
    const gateway = new ScriptedGateway('gw', APPLIED)
    const room = new Room([{ gateway }], over).start()
    rooms.push(room)
    return { room, gateway }
  }
  const target = { kind: 'session', id: 's1', agent: 'bot' } as const
  const call: BoundCall = {
    agent: 'bot',
    session: 's1',
    server: 'bank',
    tool: 'send_money',
    argsSha256: 'ab'.repeat(32),
    caller: 'gw-1',
  }
  const stepUp = async (room: Room, over: Partial<Order> = {}) => {
    const one = order({ target, issuedMs: room.clock.now(), level: 'require_step_up', ...over })
    await room.desk.place([one])
    return one
  }
  const ask = async (room: Room, over: Partial<BoundCall> = {}): Promise<Approval> => {
    const asked = await room.approvals.askForCall('default', { ...call, ...over })
    if (asked.kind === 'not-needed') throw new Error(asked.action)
    return asked.approval
  }
  const yes = { by: 'ada', verdict: 'approve', reason: 'known vendor' } as const

  it('asks once for the same call and anew for edited arguments, whose first question is dead', async () => {
    const { room } = open()
    const reasons = [{ what: 'destination', observed: 'new', expected: 'one of 3' }]
    await stepUp(room, { reasons })
    const first = await ask(room)
    expect(first.card).toMatchObject({ title: 'bot wants to call bank/send_money', reasons })
    expect((await ask(room)).id).toBe(first.id)
    const edited = await ask(room, { argsSha256: 'cd'.repeat(32) })
    expect(edited.id).not.toBe(first.id)
    expect(await room.approvals.answer('default', first.id, yes)).toMatchObject({ why: 'it is superseded already' })
    const pending = (await room.approvals.list('default')).filter(({ state }) => state === 'pending')
    expect(pending.map(({ id }) => id)).toEqual([edited.id])
  })

  it('lets the approved call pass once, and the watch knows', async () => {
    const { room } = open()
    const one = await stepUp(room)
    const { id, nonce = '' } = await ask(room)
    const claim = { ...call, nonce, callId: 'call-1' }
    expect(await room.approvals.redeem('default', id, claim)).toMatchObject({ kind: 'refused', why: 'it is pending' })
    expect(await room.approvals.answer('default', id, yes)).toMatchObject({ kind: 'done' })
    expect(await room.approvals.answer('other', id, yes)).toBeUndefined()
    expect(await room.approvals.redeem('default', id, { ...claim, argsSha256: 'cd'.repeat(32) })).toMatchObject({
      kind: 'refused',
    })
    const both = await Promise.all([1, 2].map(() => room.approvals.redeem('default', id, claim)))
    expect(both.filter((decided) => decided?.kind === 'done')).toHaveLength(1)
    expect(await room.approvals.letPass('default', 'call-1')).toBe(true)
    const seen = (callId: string) => ({
      orderId: one.id,
      state: 'ineffective' as const,
      atMs: room.clock.now(),
      event: { source: 's', id: 'e', callId },
      why: 'succeeded',
    })
    await room.desk.observed([seen('call-1')])
    expect((await room.posture.get(one.id))?.state).not.toBe('ineffective')
    await room.desk.observed([seen('call-2')])
    expect((await room.posture.get(one.id))?.state).toBe('ineffective')
  })

  it('asks nobody where nothing or something worse holds the call, and lets no approval pass that', async () => {
    const { room } = open()
    expect(await room.approvals.askForCall('default', call)).toEqual({ kind: 'not-needed', action: 'allow' })
    await stepUp(room)
    const { id, nonce = '' } = await ask(room)
    await room.approvals.answer('default', id, yes)
    await stepUp(room, { level: 'suspend_session' })
    expect(await room.approvals.askForCall('default', call)).toEqual({ kind: 'not-needed', action: 'suspend_session' })
    expect(await room.approvals.redeem('default', id, { ...call, nonce, callId: 'c' })).toMatchObject({
      why: 'suspend_session holds this call now',
    })
  })

  it('delivers a containment that awaits approval, or drops it, and says by whom and why', async () => {
    const { room, gateway } = open()
    const waiting = () => order({ issuedMs: room.clock.now(), approval: 'blast radius' })
    const [wanted, unwanted, unanswered] = [waiting(), waiting(), waiting()]
    await room.desk.place([wanted, unwanted, unanswered])
    await room.approvals.sweep()
    await room.approvals.sweep()
    expect(await room.approvals.list('default')).toHaveLength(3)
    const told = room.next((seen) => seen.kind === 'acknowledged')
    await room.approvals.answer('default', `a-${wanted.id}`, yes)
    await told
    await room.approvals.answer('default', `a-${unwanted.id}`, { ...yes, verdict: 'deny', reason: 'false alarm' })
    expect(await room.posture.get(wanted.id)).toMatchObject({
      state: 'acknowledged',
      detail: 'approved by ada: known vendor',
    })
    expect(await room.posture.get(unwanted.id)).toMatchObject({ state: 'released', releasedBy: 'ada' })
    room.clock.advance(900_000)
    await room.approvals.sweep()
    expect(await room.posture.get(unanswered.id)).toMatchObject({ state: 'released', releasedBy: 'policy' })
    expect((await room.posture.get(wanted.id))?.state).toBe('acknowledged')
    expect(gateway.calls.map(({ id, change }) => [id, change])).toEqual([[wanted.id, 'apply']])
  })

  it('delivers what nobody answered where the policy says so, and what a crash left between answer and effect', async () => {
    const { room } = open({ approvalPolicy: { unanswered: { call: 'deny', containment: 'approve' } } })
    const one = order({ issuedMs: room.clock.now(), approval: 'protected' })
    await room.desk.place([one])
    await room.approvals.sweep()
    const acknowledged = room.next((seen) => seen.kind === 'acknowledged')
    room.clock.advance(900_000)
    await room.approvals.sweep()
    await acknowledged
    const id = `a-${one.id}`
    expect(await room.approvals.get('default', id)).toMatchObject({ state: 'approved', votes: [{ by: 'policy' }] })
  })
})

describe('the approval webhook', () => {
  it('tells a chat tool under a signature, again until it is taken, and believes only a signed answer', async () => {
    const receiver = new Receiver()
    receiver.answer = respond(503)
    await receiver.start()
    const webhook = new ApprovalWebhook(
      { name: 'chat', url: receiver.url, secrets: [SECRET], allowPrivate: true },
      { clock: systemClock, random: () => 0.5, onError: () => undefined },
    )
    const busy = receiver.next()
    const question = approval({ expiresMs: Date.now() + 60_000 })
    webhook.tell(question)
    const first = await busy
    receiver.answer = respond(200)
    const taken = await receiver.next()
    expect(taken.type).toBe('approval.requested.v1')
    expect(taken.headers['webhook-id']).toBe(first.headers['webhook-id'])
    expect(taken.data).toMatchObject({
      approval_id: question.id,
      reasons: [{ what: 'destination', typical: 'one of 3 known ones', actual: 'a new account' }],
    })
    expect(JSON.stringify(taken.data)).not.toContain('n-1')

    const body = JSON.stringify({
      type: 'approval.answer.v1',
      data: { approval_id: question.id, verdict: 'approve', by: 'ada', reason: 'ok' },
    })
    const headers = (secret: string, at = new Date()) => ({
      'webhook-id': 'm1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('m1', at, body),
    })
    expect(webhook.read(body, headers(SECRET))).toEqual({
      approvalId: question.id,
      verdict: 'approve',
      by: 'ada',
      reason: 'ok',
    })
    const old = new Date(Date.now() - 600_000)
    expect(webhook.read(body, headers(SECRET, old))).toBeUndefined()
    expect(webhook.read(body, headers(`whsec_${Buffer.from('another').toString('base64')}`))).toBeUndefined()
    expect(webhook.read(body.replace('approve', 'deny'), headers(SECRET))).toBeUndefined()
    expect(webhook.read(body, {})).toBeUndefined()
    webhook.close()
    await receiver.stop()
  })
})
