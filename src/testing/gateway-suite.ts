import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery, Gateway } from '../dispatch/gateway.ts'
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

/** The contract of Gateway, which every adapter passes. */
export function gatewaySuite(name: string, open: () => Promise<GatewayHarness>): void {
  describe(`${name} as a gateway`, () => {
    let harness: GatewayHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(async () => {
      await harness.dispose()
    })

    it.each(EXPECTED)('when the other side reacts with %s, that is a value', async (reaction, expected) => {
      await harness.react(reaction)
      expect(await harness.gateway.deliver('apply', lease(), 0)).toMatchObject(expected)
    })

    it('delivers apply, release and ping, each as often as it is asked to', async () => {
      await harness.react('applied')
      const one = lease()
      for (const change of ['apply', 'apply', 'release', 'release', 'ping'] as const) {
        expect(await harness.gateway.deliver(change, one, 1)).toMatchObject({ kind: 'acknowledged' })
      }
    })
  })
}
