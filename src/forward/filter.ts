import type { Severity } from '../model/index.ts'
import { type Notice, type NoticeKind, tenantOf } from './notice.ts'
import { readTags } from './shapes/tags.ts'

/** What a destination wants; a member that is absent lets everything through. */
export interface Filter {
  readonly kinds: readonly NoticeKind[]
  /** of findings: the mildest that is sent */
  readonly severity?: Severity
  readonly tenants?: readonly string[]
  /** of findings: at least one of these, as `AML.T0086`, `ASI01` or `MCP06` */
  readonly tags?: readonly string[]
}

const RANK: Readonly<Record<Severity, number>> = { low: 0, medium: 1, high: 2, critical: 3 }
const KINDS = { finding: 'findings', call: 'calls', auth: 'auth' } as const

export function kindOf(notice: Notice): NoticeKind {
  return KINDS[notice.kind]
}

export function wants(filter: Filter, notice: Notice): boolean {
  if (!filter.kinds.includes(kindOf(notice))) return false
  if (filter.tenants !== undefined && !filter.tenants.includes(tenantOf(notice))) return false
  if (notice.kind !== 'finding') return true
  const { severity, tags } = notice.finding
  if (filter.severity !== undefined && RANK[severity] < RANK[filter.severity]) return false
  return filter.tags === undefined || hasOneOf(filter.tags, tags)
}

function hasOneOf(wanted: readonly string[], tags: readonly string[]): boolean {
  const { atlas, attack, agentic, mcp, other } = readTags(tags)
  const has = new Set([...atlas, ...attack, ...agentic, ...mcp, ...other, ...tags])
  return wanted.some((tag) => has.has(tag))
}
