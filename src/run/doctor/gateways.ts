import { leaseOf } from '../../dispatch/lease.ts'
import type { Order } from '../../model/index.ts'
import type { Settings } from '../config.ts'
import { gatewaysOf } from '../parts/gateways.ts'
import type { Check, CheckResult } from './check.ts'

/** One check per gateway: what changes nothing there, such as a signed `containment.ping.v1`. */
export function gatewayChecks(settings: Settings): readonly Check[] {
  return gatewaysOf(settings).map((gateway) => ({
    name: `gateway ${gateway.name}`,
    async run(): Promise<CheckResult> {
      try {
        const delivery = await gateway.deliver('ping', leaseOf(pingOrder(Date.now()), Date.now()), 0)
        if (delivery.kind === 'acknowledged')
          return { state: 'ok', detail: `answers a ping (${delivery.detail ?? delivery.status})` }
        return {
          state: 'failed',
          detail: delivery.why,
          todo: 'check its url and secret, and that it takes what we sign',
        }
      } finally {
        gateway.close()
      }
    },
  }))
}

function pingOrder(nowMs: number): Order {
  return {
    id: `ping-${nowMs}`,
    tenant: 'default',
    level: 'monitor',
    target: { kind: 'session', id: 'none' },
    cause: 'doctor',
    reason: 'asks whether this gateway can be reached',
    severity: 'low',
    score: 0,
    findingId: '',
    rules: [],
    issuedMs: nowMs,
    expiresMs: nowMs + 60_000,
    mode: 'monitor',
    evidence: { source: 'doctor', id: '', callId: '', receivedMs: nowMs },
  }
}
