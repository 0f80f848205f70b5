import type { Outcome } from '../events.ts'
import { membersOf } from '../wire.ts'
import { META, metaOf, type RpcResponse, textOf } from './messages.ts'

/** Texts that are read for records are not longer. */
const MAX_PARSED_CHARS = 256 * 1024
const MAX_SAMPLE = 16_000
const JSON_START = /^\s{0,16}[[{]/

/** What a JSON-RPC response says of the operation it answers. */
export function outcomeOf({ result, error }: RpcResponse): Outcome {
  if (error !== undefined) {
    const sample = textOf(error.message)?.slice(0, MAX_SAMPLE)
    return { status: 'error', errorCode: String(error.code), ...(sample !== undefined && { sample }) }
  }
  const text = JSON.stringify(result ?? {})
  const sample = sampleOf(result)
  const records = recordsOf(result)
  return {
    status: result?.resultType === 'input_required' ? 'input_required' : result?.isError === true ? 'error' : 'ok',
    ...(result?.isError === true && { errorCode: 'tool_error' }),
    bytes: Buffer.byteLength(text),
    ...(records !== undefined && { records }),
    ...(sample !== undefined && { sample }),
  }
}

/** The version that a server gives itself, in its handshake or with each result. */
export function serverVersionOf({ result }: RpcResponse): string | undefined {
  return textOf(membersOf(result?.serverInfo).version) ?? textOf(membersOf(metaOf(result)[META.server]).version)
}

/** All texts of a result, in their order. */
function sampleOf(result: RpcResponse['result']): string | undefined {
  const parts = [...itemsOf(result?.content), ...itemsOf(result?.contents), ...itemsOf(result?.messages)]
  let text = ''
  for (const part of parts) {
    const { text: own, resource, content } = membersOf(part)
    const found = textOf(own) ?? textOf(membersOf(resource).text) ?? textOf(membersOf(content).text)
    if (found !== undefined) text += text === '' ? found : `\n${found}`
    if (text.length >= MAX_SAMPLE) return text.slice(0, MAX_SAMPLE)
  }
  return text === '' ? undefined : text
}

/** How many things the result tells of: the longest list in its structured content or in a text that is JSON, else its parts. */
function recordsOf(result: RpcResponse['result']): number | undefined {
  const structured = longestList(result?.structuredContent)
  if (structured !== undefined) return structured
  const [only, ...others] = itemsOf(result?.content)
  const whole = textOf(membersOf(only).text)
  const json = whole !== undefined && others.length === 0 && JSON_START.test(whole) ? parsed(whole) : undefined
  return longestList(json) ?? (Array.isArray(result?.content) ? itemsOf(result?.content).length : undefined)
}

function longestList(value: unknown): number | undefined {
  if (Array.isArray(value)) return value.length
  const lengths = Object.values(membersOf(value)).flatMap((member) => (Array.isArray(member) ? [member.length] : []))
  return lengths.length === 0 ? undefined : Math.max(...lengths)
}

function parsed(text: string): unknown {
  if (text.length > MAX_PARSED_CHARS) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
