import type { Ref } from '../../src/model/event.ts'
import { findValues } from '../../src/model/values.ts'
import { keyedHex } from './digest.ts'

const MAX_REFS = 256
const MAX_TEXT = 16_384
const MAX_DEPTH = 6

/**
 * Destination-like values (addresses, links, accounts, paths, telephone numbers) as keyed fingerprints, for a PEP that
 * may not ship content. With the key of the Belay installation (`refs.key`) they are those that Belay makes itself.
 * Found by their shape alone: what only an argument's name would tell is not in them. Linear in the text.
 */
export function refsOf(
  key: string | Uint8Array,
  content: { readonly args?: unknown; readonly result?: string; readonly intent?: string },
): readonly Ref[] {
  const found = new Map<string, Ref>()
  const look = (where: Ref['in'], text: string) =>
    findValues(text.slice(0, MAX_TEXT), (kind, value) => {
      const fp = keyedHex(key, value)
      const id = `${where} ${fp}`
      if (found.size >= MAX_REFS || found.has(id)) return
      found.set(id, where === 'result' ? { in: where, kind, fp, untrusted: true } : { in: where, kind, fp })
    })
  for (const text of textsOf(content.args, 0)) look('args', text)
  if (content.intent !== undefined) look('intent', content.intent)
  if (content.result !== undefined) look('result', content.result)
  return [...found.values()]
}

function* textsOf(value: unknown, depth: number): Generator<string> {
  if (typeof value === 'string' || typeof value === 'number') yield String(value)
  else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH)
    for (const member of Object.values(value)) yield* textsOf(member, depth + 1)
}
