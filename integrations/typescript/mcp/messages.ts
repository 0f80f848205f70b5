import { membersOf } from '../wire.ts'

/** JSON-RPC 2.0 as MCP uses it: what this PEP looks at; every other member stays where it is. */
export interface RpcRequest {
  readonly jsonrpc: '2.0'
  /** absent: a notification */
  readonly id?: string | number
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
}

export interface RpcResponse {
  readonly jsonrpc: '2.0'
  readonly id: string | number
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

export function asRequest(message: unknown): RpcRequest | undefined {
  return typeof membersOf(message).method === 'string' ? (message as RpcRequest) : undefined
}

/** A response with the id it answers; a response without one answers nothing that is known. */
export function asResponse(message: unknown): RpcResponse | undefined {
  const { id, method, result, error } = membersOf(message)
  const answers = (typeof id === 'string' || typeof id === 'number') && method === undefined
  return answers && (result !== undefined || error !== undefined) ? (message as RpcResponse) : undefined
}

export function metaOf(params: unknown): Readonly<Record<string, unknown>> {
  return membersOf(membersOf(params)._meta)
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Keys of a request's `_meta` since MCP 2026-07-28, which has no handshake. */
export const META = {
  protocol: 'io.modelcontextprotocol/protocolVersion',
  client: 'io.modelcontextprotocol/clientInfo',
  server: 'io.modelcontextprotocol/serverInfo',
} as const
