import { isAscii, isUtf8 } from 'node:buffer'
import type {
  CloudEvent,
  EventData,
  Provenance,
  Ref,
  Rejected,
  RejectReason,
  SignatureState,
  ToolEvent,
} from '../model/index.ts'
import { canonicalJson, sha256Hex } from './canonical.ts'
import { MAX_DEPTH } from './redact/walk.ts'
import type { Redactor } from './redact.ts'
import { MAX_REFS } from './refs.ts'
import { judgeClock, parseTimeMs } from './time.ts'
import { type Problem, problemOf } from './validate.ts'

export const MAX_EVENT_BYTES = 256 * 1024
const MAX_ARGS_BYTES = 32 * 1024

/** What the credential that an event came with may speak for. */
export interface Binding {
  readonly tenant?: string
  /** prefixes of `source`; any when absent */
  readonly sources?: readonly string[]
}

/** One event as a source received it. */
export interface RawEvent extends Provenance {
  /** UTF-8 JSON, or a value that was parsed already; it is not changed */
  readonly body: Uint8Array | object
  /** CloudEvents attributes of the binary mode, without their `ce_` prefix; `body` is then the event's `data` */
  readonly attributes?: Readonly<Record<string, string>>
  /** Unix milliseconds; when absent the event's own time, and the clock rule has nothing to say */
  readonly receivedMs?: number
  readonly binding?: Binding
  readonly signature?: SignatureState
  /** key of the Kafka record, for the dead letter */
  readonly key?: string
}

export type Decoded =
  | { readonly ok: true; readonly event: ToolEvent }
  | { readonly ok: false; readonly rejected: Rejected }

/** Never throws: whatever the bytes are, they are an accepted event or a rejected one that says what to do. */
export type Decoder = (raw: RawEvent) => Decoded

export interface DecoderOptions {
  readonly redactor: Redactor
  /** destination-like values of an event, as keyed fingerprints; see refs.ts */
  readonly refs: (data: EventData) => readonly Ref[]
}

export function createDecoder({ redactor, refs }: DecoderOptions): Decoder {
  const reject = (raw: RawEvent, reason: RejectReason, problem: Problem): Decoded => ({
    ok: false,
    rejected: rejectedOf(raw, reason, problem, redactor),
  })
  return function decode(raw) {
    const isBytes = raw.body instanceof Uint8Array
    if (isBytes && raw.body.byteLength > MAX_EVENT_BYTES) return reject(raw, 'size', TOO_LARGE)
    const parsed = isBytes ? parse(raw.body) : raw.body
    if (parsed === undefined) return reject(raw, 'json', NOT_JSON)
    const cloud = (raw.attributes === undefined ? parsed : fromBinaryMode(raw.attributes, parsed)) as CloudEvent
    const problem = problemOf(cloud)
    if (problem !== undefined) return reject(raw, 'schema', problem)
    const eventMs = parseTimeMs(cloud.time)
    if (Number.isNaN(eventMs)) return reject(raw, 'time', NO_TIME)
    const foreign = bindingProblem(cloud, raw.binding)
    if (foreign !== undefined) return reject(raw, 'signature', foreign)
    const redacted = redactor.event(cloud)
    if (redacted === undefined) return reject(raw, 'size', TOO_DEEP)
    const found = refsFor(cloud.data, refs)
    const kept = cutArgs(redacted.data, cloud.data, raw.body)
    const data = found === undefined ? kept : withRefs(kept, found, isBytes)
    return { ok: true, event: accept(raw, eventMs, data === redacted.data ? redacted : { ...redacted, data }) }
  }
}

const TOO_LARGE: Problem = {
  pointer: '',
  message: `the event is larger than ${MAX_EVENT_BYTES / 1024} KiB: cut result.sample and args, keep their digests`,
}
const TOO_DEEP: Problem = {
  pointer: '',
  message: `the event is nested deeper than ${MAX_DEPTH} levels: send deep content as a text`,
}
const NOT_JSON: Problem = { pointer: '', message: 'the event is not valid JSON in UTF-8: send one CloudEvent as JSON' }

const NO_TIME: Problem = {
  pointer: '/time',
  message: 'must be an RFC 3339 date-time with a zone, such as 2026-11-21T00:00:14.260Z',
}

function parse(bytes: Uint8Array): unknown {
  try {
    // Latin-1 needs no decoding, and most events are ASCII.
    if (isAscii(bytes)) return JSON.parse(asBuffer(bytes).toString('latin1'))
    return isUtf8(bytes) ? JSON.parse(asBuffer(bytes).toString('utf8')) : undefined
  } catch {
    // JSON.parse's own message quotes the text, which may hold secrets.
    return undefined
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function fromBinaryMode(attributes: Readonly<Record<string, string>>, data: unknown): unknown {
  return { ...attributes, data }
}

function bindingProblem({ source, data }: CloudEvent, binding: Binding | undefined): Problem | undefined {
  if (binding === undefined) return undefined
  const { tenant, sources } = binding
  if (sources !== undefined && !sources.some((prefix) => source.startsWith(prefix)))
    return { pointer: '/source', message: 'is not a source that this credential may send for: use its own credential' }
  if (tenant !== undefined && data.tenant !== undefined && data.tenant !== tenant)
    return { pointer: '/data/tenant', message: 'is not the tenant of this credential: leave it out' }
  return undefined
}

/** Arguments over the limit are taken out; their digest and size say what they were. */
function cutArgs(data: EventData, original: EventData, body: Uint8Array | object): EventData {
  if (data.args === undefined || (body instanceof Uint8Array && body.byteLength <= MAX_ARGS_BYTES)) return data
  const canonical = canonicalJson(original.args)
  const bytes = Buffer.byteLength(canonical)
  if (bytes <= MAX_ARGS_BYTES) return data
  const { args: _cut, ...kept } = data
  return { ...kept, args_sha256: data.args_sha256 ?? sha256Hex(canonical), args_bytes: data.args_bytes ?? bytes }
}

/**
 * Refs are made of the content as it came, so that nobody hides a destination by dressing it as a secret; they are keyed
 * fingerprints and give nothing away. Refs that came with the event stay: content may have been taken out before.
 * Undefined where the event has all of them already.
 */
function refsFor(original: EventData, refsOf: DecoderOptions['refs']): readonly Ref[] | undefined {
  const sent = original.refs ?? []
  const computed = refsOf(original)
  if (computed === original.refs || computed.length === 0) return undefined
  if (sent.length === 0) return computed
  const known = new Set(sent.map((ref) => `${ref.in}${ref.fp}`))
  const added = computed.filter((ref) => !known.has(`${ref.in}${ref.fp}`))
  return [...sent, ...added].slice(0, MAX_REFS)
}

/** An event that was parsed here is nobody else's, so it is completed in place: a copy costs more than its validation. */
function withRefs(data: EventData, refs: readonly Ref[], isOurs: boolean): EventData {
  if (!isOurs) return { ...data, refs }
  ;(data as { refs?: readonly Ref[] }).refs = refs
  return data
}

function accept(raw: RawEvent, eventMs: number, cloud: CloudEvent): ToolEvent {
  const receivedMs = raw.receivedMs ?? eventMs
  const { clock, timeMs } = judgeClock(eventMs, receivedMs)
  return {
    origin: raw.origin,
    position: raw.position,
    source: cloud.source,
    id: cloud.id,
    tenant: raw.binding?.tenant ?? cloud.data.tenant ?? 'default',
    timeMs,
    receivedMs,
    clock,
    signature: raw.signature ?? 'unchecked',
    cloud,
    data: cloud.data,
  }
}

/** The dead letter of an event, its bytes bounded and without the secrets that show by their pattern. */
export function rejectedOf(raw: RawEvent, reason: RejectReason, problem: Problem, redactor: Redactor): Rejected {
  return {
    origin: raw.origin,
    position: raw.position,
    reason,
    error: problem.pointer === '' ? problem.message : `${problem.pointer} ${problem.message}`,
    ...(problem.pointer === '' ? {} : { pointer: problem.pointer }),
    receivedMs: raw.receivedMs ?? 0,
    attempts: 1,
    bytes: redactedBytes(raw.body, redactor),
    ...(raw.key === undefined ? {} : { key: raw.key }),
    ...(raw.binding?.tenant === undefined ? {} : { tenant: raw.binding.tenant }),
  }
}

function redactedBytes(body: Uint8Array | object, redactor: Redactor): Uint8Array {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(stringify(body))
  const kept = asBuffer(bytes).subarray(0, MAX_EVENT_BYTES)
  // Latin-1 maps every byte to one character and back, so that bytes that are no UTF-8 survive.
  const text = kept.toString('latin1')
  const redacted = redactor.text(text)
  // Copied, because the bytes are a part of something larger (a fetch, a body) that must not live as long.
  return redacted === text ? Buffer.from(kept) : Buffer.from(redacted, 'latin1').subarray(0, MAX_EVENT_BYTES)
}

function stringify(value: object): string {
  try {
    return JSON.stringify(value)
  } catch {
    return '"nested too deeply to be kept"'
  }
}
