import { type FleetSnapshot, Fleets } from '../detect/fleet.ts'
import { Sessions } from '../detect/session.ts'
import type { AuthInfo, ToolEvent } from '../model/index.ts'
import { toolEvent } from './events.ts'

/** What these events vouch for when they are a tenant's clean history. */
export function fleetHistory(events: readonly ToolEvent[]): FleetSnapshot {
  const fleets = new Fleets()
  const sessions = new Sessions()
  for (const event of events) {
    const fleet = fleets.enter(event, sessions.enter(event).session)
    if (fleet.auth !== undefined) fleet.failures.learn(fleet.auth)
  }
  const times = events.map(({ timeMs }) => timeMs)
  const head = { sessions: 100, days: 14, fromMs: Math.min(...times), toMs: Math.max(...times) }
  return fleets.snapshot(events[0]?.tenant ?? 'default', head)
}

/** What an agent is shown: the answer to `tools/list`, each tool with its description and the properties of its schema. */
export function listed(
  tools: Readonly<Record<string, string | { readonly description: string; readonly properties: object }>>,
  data: Parameters<typeof toolEvent>[0] = {},
  accepted: Parameters<typeof toolEvent>[1] = {},
): ToolEvent {
  const shown = Object.entries(tools).map(([name, tool]) => {
    const { description, properties } = typeof tool === 'string' ? { description: tool, properties: {} } : tool
    return { name, description, input_schema: { type: 'object', properties } }
  })
  const event = toolEvent({ op: 'tools/list', phase: 'response', ...data }, accepted)
  const { tool: _none, ...rest } = event.data
  const full = { ...rest, tools: shown }
  return { ...event, data: full, cloud: { ...event.cloud, data: full } }
}

/** An authentication outcome of an agent. */
export function authenticated(
  auth: Partial<AuthInfo> = {},
  data: Parameters<typeof toolEvent>[0] = {},
  accepted: Parameters<typeof toolEvent>[1] = {},
): ToolEvent {
  const event = toolEvent({ op: 'auth', phase: 'response', ...data }, accepted)
  const { tool: _none, ...rest } = event.data
  const full = { ...rest, auth: { outcome: 'success' as const, ...auth } }
  return { ...event, data: full, cloud: { ...event.cloud, data: full } }
}
