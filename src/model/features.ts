import type { Baseline } from './baseline.ts'
import type { ToolEvent } from './event.ts'
import type { Session } from './session.ts'

/**
 * A call as numbers, for models that look at all of them at once. Sizes and counts on a natural log scale, surprises in
 * nats; 0 where an event does not say. The order is part of what a model has learnt.
 */
export const FEATURES = [
  'bytes of arguments',
  'number of arguments',
  'surprise of the step',
  'surprise of the tool',
  'surprise of the tool without the task asking for it',
  'surprise of an argument',
  'surprise of the hour',
  'calls before it in the session',
  'earlier uses of the tool in the session',
  'side effect',
  'destinations that the task names',
  'destinations that only results name',
  'destinations that nobody names',
  'bytes in the session',
  'records in the session',
  'errors in the session',
  'calls of the agent in this hour',
] as const

const EFFECTS = { read: 0, unknown: 1, 'side-effect': 2 } as const

/** Calls that are described so: those that only read are most of them, and do the least harm. */
export function isDescribed({ firstOfCall, effect }: Session): boolean {
  return firstOfCall && effect !== 'read'
}

/** Fills `into` (as long as FEATURES) for the event that opens a call, against what the role usually does. */
export function callFeatures({ data, timeMs }: ToolEvent, session: Session, baseline: Baseline, into: Float64Array) {
  const { server, tool } = data
  const name = tool?.name ?? ''
  into[0] = Math.log1p(data.args_bytes ?? 0)
  into[1] = session.parameters.length
  into[2] = baseline.sequence.surprise(session.history, session.token).nats
  into[3] = tool === undefined ? 0 : baseline.tools.surprise(server.id, name).nats
  into[4] = tool === undefined ? 0 : baseline.tools.unasked(server.id, name).nats
  into[5] = baseline.parameters.surprise(name, session.parameters)?.nats ?? 0
  into[6] = baseline.hours.surprise(timeMs).nats
  into[7] = Math.log1p(session.calls - 1)
  into[8] = Math.log1p(tool === undefined ? 0 : session.usesOf(name))
  into[9] = EFFECTS[session.effect]
  countDestinations(data.refs, session, into)
  into[13] = Math.log1p(session.bytes)
  into[14] = Math.log1p(session.records)
  into[15] = Math.log1p(session.errors)
  into[16] = Math.log1p(session.agentHour.calls)
}

function countDestinations(refs: ToolEvent['data']['refs'], session: Session, into: Float64Array): void {
  let [asked, told, own] = [0, 0, 0]
  for (const ref of refs ?? []) {
    if (ref.in !== 'args' || ref.kind === 'ask' || ref.kind === 'act') continue
    const seen = session.sightingOf(ref.fp)
    if (seen?.inIntent === true) asked++
    else if (seen?.inUntrustedResult === true || seen?.inTrustedResult === true) told++
    else own++
  }
  into[10] = asked
  into[11] = told
  into[12] = own
}
