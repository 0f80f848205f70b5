import type { ToolEvent } from './event.ts'
import type { Action } from './order.ts'
import type { Effect } from './vocabulary.ts'

/**
 * What a detector may know of a session: a fold over its events so far, this one included. All of it is bounded, and
 * all of it can be rebuilt by folding the stored events again.
 */
export interface Session {
  readonly tenant: string
  readonly agent: string
  readonly role: string
  readonly id: string
  readonly firstMs: number
  readonly lastMs: number
  /** distinct calls (by call_id), this one included */
  readonly calls: number
  /** sums over responses that stated them */
  readonly bytes: number
  readonly records: number
  readonly errors: number
  /** results that were denied, part of errors */
  readonly denied: number
  /** failed calls since the last one that succeeded, this one included */
  readonly failedInARow: number
  /** sequence tokens of the calls before this one, oldest first, at most HISTORY_TOKENS */
  readonly history: readonly string[]
  /** the sequence token of this event's call */
  readonly token: string
  /** first event of its call: request and response of one call are one call */
  readonly firstOfCall: boolean
  /** where a destination fingerprint was seen before this event: the task, an argument, a result */
  sightingOf(fp: string): Sighting | undefined
  /** how many of this session's calls before this one used the tool */
  usesOf(tool: string): number
  /** this event states a task or intent that the event before it did not: it is worth looking at once */
  readonly intentIsNew: boolean
  /** what the event's tool does: the operator's lists first, its annotations second, its name last */
  readonly effect: Effect
  /** `argument=shape` of this call's arguments (shapes.ts); empty where the event carries none */
  readonly parameters: readonly string[]
  /** `!trait:argument` of this call's arguments, and of the result where the event has one (traits.ts) */
  readonly traits: readonly string[]
  /** calls, bytes and records of this agent in the current hour, over all its sessions */
  readonly agentHour: { readonly calls: number; readonly bytes: number; readonly records: number }
  /** session risk before this event, 0..1 */
  readonly risk: number
  readonly contained: Action
}

/** What an agent did within one hour of event time, over all its sessions. */
export interface AgentHour {
  /** hours since the Unix epoch */
  readonly hour: number
  readonly calls: number
  readonly bytes: number
  readonly records: number
}

/** A stored event of a session, and its agent's hour as it was after it. */
export interface RestoredEvent extends ToolEvent {
  readonly agentHour?: AgentHour
}

/** Who named a destination first and how, before this event. */
export interface Sighting {
  readonly inIntent: boolean
  readonly inArgs: boolean
  readonly inUntrustedResult: boolean
  readonly inTrustedResult: boolean
  /** it stood in a sentence of a result that tells the reader to do something */
  readonly imperative: boolean
  /** tool whose result named it first */
  readonly tool?: string | undefined
}

/** Tokens of history kept for the sequence profile. */
export const HISTORY_TOKENS = 8
