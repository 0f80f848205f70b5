import type { Refusal } from '../refusal.ts'
import { META, metaOf, type RpcRequest, type RpcResponse } from './messages.ts'

/** In the range that MCP leaves to implementations (2026-07-28, error codes). */
export const REFUSED_CODE = -32_010

/**
 * A refusal as an agent understands it: of a tool's call a result with `isError` that the model reads, of anything else
 * a JSON-RPC error. Programs find the particulars in `_meta["belay/refusal"]` and in `error.data`.
 */
export function refused(request: RpcRequest & { readonly id: string | number }, why: Refusal): RpcResponse {
  const { message, ...particulars } = why
  if (request.method !== 'tools/call')
    return { jsonrpc: '2.0', id: request.id, error: { code: REFUSED_CODE, message, data: particulars } }
  // Results name their type since 2026-07-28; before, nobody knows the member.
  const type = metaOf(request.params)[META.protocol] === undefined ? {} : { resultType: 'complete' }
  const result = {
    ...type,
    content: [{ type: 'text', text: message }],
    isError: true,
    _meta: { 'belay/refusal': particulars },
  }
  return { jsonrpc: '2.0', id: request.id, result }
}
