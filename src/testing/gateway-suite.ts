import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery, Gateway } from '../dispatch/gateway.ts'
import { LEVELS, type Order } from '../model/index.ts'
import { lease } from './orders.ts'

/** What the other side does with the next delivery. */
export type Reaction =
  | 'applied'
  | 'duplicate'
  | 'unsupported'
  | 'not_found'
  | 'pending'
  | 'busy'
  | 'hang'
  | 'away'
  | 'no'

/** One gateway under test and a way to say how the other side reacts. */
export interface GatewayHarness {
  readonly gateway: Gateway
  react(reaction: Reaction): Promise<void>
  dispose(): Promise<void>
}

const KINDS = ['session', 'agent', 'user', 'tool', 'server', 'role', 'tenant'] as const

const EXPECTED: readonly (readonly [Reaction, Partial<Delivery>])[] = [
  ['applied', { kind: 'acknowledged', status: 'applied' }],
  ['duplicate', { kind: 'acknowledged', status: 'duplicate' }],
  ['unsupported', { kind: 'acknowledged', status: 'unsupported' }],
  ['not_found', { kind: 'acknowledged', status: 'not_found' }],
  ['pending', { kind: 'acknowledged', status: 'pending' }],
  ['busy', { kind: 'retry' }],
  ['hang', { kind: 'retry' }],
  ['away', { kind: 'retry' }],
  ['no', { kind: 'refused' }],
]

/**
 * The contract of Gateway, which every adapter passes.
 *
 * @param about an order that the gateway can carry out; what its other side has no way to say
 */
export function gatewaySuite(
  name: string,
  open: () => Promise<GatewayHarness>,
  about: { readonly order?: Partial<Order>; readonly without?: readonly Reaction[] } = {},
): void {
  const known = EXPECTED.filter(([reaction]) => about.without?.includes(reaction) !== true)
  describe(`${name} as a gateway`, () => {
    let harness: GatewayHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(async () => {
      await harness.dispose()
    })

    it.each(known)('when the other side reacts with %s, that is a value', async (reaction, expected) => {
      await harness.react(reaction)
      expect(await harness.gateway.deliver('apply', lease(about.order), 0)).toMatchObject(expected)
    })

    it('delivers apply, release and ping, each as often as it is asked to', async () => {
      await harness.react('applied')
      const one = lease(about.order)
      for (const change of ['apply', 'apply', 'release', 'release', 'ping'] as const) {
        expect(await harness.gateway.deliver(change, one, 1)).toMatchObject({ kind: 'acknowledged' })
      }
    })

    it('says the same of the same order whenever it is asked what it cannot do', () => {
      const { gateway } = harness
      expect(gateway.cannot(lease(about.order).order)).toBeUndefined()
      for (const level of LEVELS)
        for (const kind of KINDS) {
          const one = lease({ level, target: { kind, id: 'files/read' } }).order
          expect(gateway.cannot(one)).toEqual(gateway.cannot({ ...one }))
        }
    })
  })
}
