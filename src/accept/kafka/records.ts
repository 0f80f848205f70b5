import type { IHeaders, KafkaMessage } from 'kafkajs'
import type { Rejected, ToolEvent } from '../../model/index.ts'
import { type Decoded, type Decoder, type RawEvent, rejectedOf } from '../decode.ts'
import type { Redactor } from '../redact.ts'
import type { SignatureVerifier } from '../signature.ts'
import type { Assignment, Taken } from './partitions.ts'

export interface RecordParts {
  readonly decode: Decoder
  readonly redactor: Redactor
  readonly verify: SignatureVerifier
}

/** A record that cannot be taken, with what its dead letter needs. */
export interface Refused {
  readonly rejected: Rejected
  readonly original: KafkaMessage
  readonly assignment: Assignment
}

export interface DecodedRecords {
  readonly events: readonly ToolEvent[]
  readonly refused: readonly Refused[]
}

export function decodeRecords(taken: readonly Taken[], parts: RecordParts): DecodedRecords {
  const events: ToolEvent[] = []
  const refused: Refused[] = []
  for (const { assignment, messages } of taken) {
    for (const message of messages) {
      const decoded = decodeRecord(message, assignment.origin, parts)
      if (decoded.ok) events.push(decoded.event)
      else refused.push({ rejected: decoded.rejected, original: message, assignment })
    }
  }
  return { events, refused }
}

const NO_BYTES = new Uint8Array()

function decodeRecord(message: KafkaMessage, origin: string, { decode, redactor, verify }: RecordParts): Decoded {
  const { headers, key } = message
  const body = message.value ?? NO_BYTES
  const check = verify(body, headerText(headers, 'x-pep-sig'), headerText(headers, 'x-pep-kid'))
  const raw: RawEvent = {
    body,
    origin,
    position: Number(message.offset),
    receivedMs: Number(message.timestamp),
    signature: check.ok ? check.state : 'invalid',
    ...(check.ok && check.binding !== undefined && { binding: check.binding }),
    ...(headers?.ce_id !== undefined && { attributes: binaryAttributes(headers) }),
  }
  if (!check.ok) {
    const problem = { pointer: '', message: `the event ${check.error}` }
    return { ok: false, rejected: withKey(rejectedOf(raw, 'signature', problem, redactor), key) }
  }
  const decoded = decode(raw)
  return decoded.ok ? decoded : { ok: false, rejected: withKey(decoded.rejected, key) }
}

function withKey(rejected: Rejected, key: Buffer | null): Rejected {
  return key === null ? rejected : { ...rejected, key: key.toString('utf8').slice(0, 1024) }
}

/** CloudEvents' Kafka binding, binary mode: attributes as headers, the value is the data. */
function binaryAttributes(headers: IHeaders): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const name of Object.keys(headers)) {
    if (!name.startsWith('ce_') || name === 'ce___proto__') continue
    const text = headerText(headers, name)
    if (text !== undefined) attributes[name.slice(3)] = text
  }
  return attributes
}

function headerText(headers: IHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name]
  const first = Array.isArray(value) ? value[0] : value
  return first?.toString()
}
