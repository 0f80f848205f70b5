import type { IHeaders, KafkaMessage, Message } from 'kafkajs'
import type { Rejected } from '../../model/index.ts'
import { MAX_EVENT_BYTES } from '../decode.ts'

/** The contract's dead letter of an event: original key and bytes (bounded), and headers that say what happened. */
export function deadLetter(
  rejected: Rejected,
  original: Pick<KafkaMessage, 'key' | 'value' | 'headers'>,
  place: { readonly topic: string; readonly partition: number | string },
  nowMs: number,
): Message {
  return {
    key: original.key,
    value: original.value?.subarray(0, MAX_EVENT_BYTES) ?? null,
    headers: {
      ...boundedHeaders(original.headers),
      'dlq-reason': rejected.reason,
      'dlq-topic': place.topic,
      'dlq-partition': String(place.partition),
      'dlq-offset': String(rejected.position),
      'dlq-error': rejected.error,
      'dlq-at': new Date(nowMs).toISOString(),
      'dlq-attempts': String(rejected.attempts),
    },
  }
}

const MAX_HEADER_BYTES = 16 * 1024

/** A record can carry megabytes of headers; beyond the bound they are left out. */
function boundedHeaders(headers: IHeaders | undefined): IHeaders {
  let bytes = 0
  return Object.fromEntries(
    Object.entries(headers ?? {}).filter(([name, value]) => {
      for (const one of Array.isArray(value) ? value : [value]) bytes += Buffer.byteLength(one ?? '')
      bytes += name.length
      return bytes <= MAX_HEADER_BYTES
    }),
  )
}
