import type { FastifyInstance } from 'fastify'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Room } from '../../test/dispatch/room.ts'
import { ApprovalWebhook } from '../dispatch/approvals/webhook.ts'
import { systemClock } from '../dispatch/clock.ts'
import { order } from '../testing/orders.ts'
import { approvalRoutes } from './approvals.ts'
import type { Principal } from './auth.ts'
import { createServer } from './server.ts'

const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes 123').toString('base64')}`
const principal = (name: string, tenant: string, scope: 'pep' | 'responder' | 'analyst'): Principal => ({
  name,
  tenant,
  scopes: new Set([scope]),
  anonymous: false,
})
const PRINCIPALS: Readonly<Record<string, Principal>> = {
  gw: principal('gw-1', 'default', 'pep'),
  gw2: principal('gw-2', 'default', 'pep'),
  ada: principal('ada', 'default', 'responder'),
  ann: principal('ann', 'default', 'analyst'),
  eve: principal('eve', 'other', 'responder'),
}

describe('approval routes', () => {
  let room: Room
  let server: FastifyInstance
  let webhook: ApprovalWebhook
  beforeEach(async () => {
    room = new Room([], { approvalPolicy: { people: 2 } })
    const options = { name: 'chat', url: 'http://127.0.0.1:9/', secrets: [SECRET], allowPrivate: true }
    webhook = new ApprovalWebhook(options, { clock: systemClock, random: () => 0.5, onError: () => undefined })
    server = await createServer({
      authenticate: (header) => {
        const known = PRINCIPALS[header ?? '']
        return known === undefined ? { kind: 'refused', why: 'who?' } : { kind: 'known', principal: known }
      },
      probes: [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      plugins: [
        approvalRoutes({
          approvals: room.approvals,
          redactArgs: (args) => ({ ...args, pin: '***' }),
          readAnswer: (body, headers) => webhook.read(body, headers),
        }),
      ],
      onError: (error) => {
        throw error
      },
    })
    const target = { kind: 'session', id: 's1', agent: 'bot' } as const
    await room.desk.place([order({ target, level: 'require_step_up', issuedMs: room.clock.now() })])
  })
  afterEach(async () => {
    await server.close()
    webhook.close()
    await room.dispose()
  })

  const post = (who: string, url: string, payload: object) =>
    server.inject({ method: 'POST', url, headers: { authorization: who }, payload })
  const get = async (who: string, url: string) =>
    (await server.inject({ method: 'GET', url, headers: { authorization: who } })).json()
  const call = { agent: 'bot', session: 's1', server: 'bank', tool: 'send_money', args: { to: 'DE1', pin: '1234' } }
  const fromChat = (by: string, id: string) => {
    const body = JSON.stringify({
      type: 'approval.answer.v1',
      data: { approval_id: id, verdict: 'approve', by, reason: 'ok' },
    })
    const headers = {
      'content-type': 'application/json',
      'webhook-id': by,
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': new Webhook(SECRET).sign(by, new Date(), body),
    }
    return { method: 'POST', url: '/v1/approvals/answers', headers, payload: body } as const
  }

  it('takes one call from the question to the one time it passes, by two people, one of them in the chat', async () => {
    const asked = await post('gw', '/v1/step-ups', call)
    expect(asked.statusCode).toBe(202)
    const { id, nonce, state } = asked.json()
    expect(state).toBe('pending')
    const { approvals } = await get('ann', '/v1/approvals')
    expect(approvals).toMatchObject([{ approval_id: id, call: { args: '{"to":"DE1","pin":"***"}', asked_by: 'gw-1' } }])
    expect(JSON.stringify(approvals)).not.toContain(nonce)
    expect((await post('ann', `/v1/approvals/${id}/approve`, { reason: 'ok' })).statusCode).toBe(403)
    const redeem = (over: object = {}, who = 'gw') =>
      post(who, `/v1/step-ups/${id}/redeem`, { ...call, nonce, call_id: 'call-1', ...over })
    expect((await redeem()).statusCode).toBe(409)
    expect((await post('ada', `/v1/approvals/${id}/approve`, { reason: 'known vendor' })).json()).toMatchObject({
      state: 'pending',
      votes: [{ by: 'ada', reason: 'known vendor' }],
    })
    expect((await server.inject(fromChat('bob', id))).json()).toMatchObject({
      state: 'approved',
      votes: [{ by: 'ada' }, { by: 'chat:bob' }],
    })
    expect(await get('gw', `/v1/step-ups/${id}`)).toMatchObject({ state: 'approved' })
    expect((await redeem({ args: { to: 'DE2', pin: '1234' } })).json().detail).toContain('another set of arguments')
    expect((await redeem({}, 'gw2')).statusCode).toBe(409)
    expect((await redeem({ args: { pin: '1234', to: 'DE1' } })).json()).toMatchObject({ status: 'granted', id })
    expect((await redeem()).json().detail).toContain('used before')
  })

  it('hides questions from other tenants and their nonce from other PEPs', async () => {
    const { id } = (await post('gw', '/v1/step-ups', call)).json()
    expect((await post('eve', `/v1/approvals/${id}/deny`, { reason: 'x' })).statusCode).toBe(404)
    expect((await get('eve', '/v1/approvals')).approvals).toEqual([])
    expect((await get('gw2', `/v1/step-ups/${id}`)).status).toBe(404)
  })

  it('asks nobody about a call that nothing holds, and refuses an answer nobody signed', async () => {
    expect((await post('gw', '/v1/step-ups', { ...call, session: 's2' })).json().detail).toContain('allow')
    expect((await post('gw', '/v1/step-ups', { ...call, args: undefined })).statusCode).toBe(400)
    const forged = fromChat('bob', 'a-1')
    const answer = await server.inject({ ...forged, payload: forged.payload.replace('bob', 'eve') })
    expect(answer.statusCode).toBe(401)
  })
})
