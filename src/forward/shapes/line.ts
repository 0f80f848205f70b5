import { type Notice, type NoticeSeverity, noticeId, severityOf, tenantOf, timeOf } from '../notice.ts'
import { readTags } from './tags.ts'
import { ipOf } from './text.ts'

/** What CEF and LEEF say, by meaning; each has its own keys and its own escaping. Absent members are left out. */
export interface Line {
  /** what kind of event this is: the cause of a finding */
  readonly signature: string
  readonly name: string
  readonly severity: NoticeSeverity
  readonly atMs: number
  readonly noticeId: string
  readonly findingId?: string
  readonly activity: string
  readonly tenant: string
  readonly agent: string
  readonly role: string
  readonly session: string
  readonly server: string
  readonly tool?: string
  readonly user?: string
  readonly clientIp?: string
  readonly host?: string
  readonly hostIp?: string
  readonly port?: number
  readonly action?: string
  readonly outcome?: string
  readonly message: string
  readonly techniques: string
  readonly tags: string
  /** 0..1 */
  readonly risk?: number
  readonly count?: number
  readonly bytes?: number
}

export function lineOf(notice: Notice): Line {
  const common = {
    severity: severityOf(notice),
    atMs: timeOf(notice),
    noticeId: noticeId(notice),
    tenant: tenantOf(notice),
  }
  return notice.kind === 'finding' ? { ...common, ...ofFinding(notice) } : { ...common, ...ofEvent(notice) }
}

type Said = Omit<Line, 'severity' | 'atMs' | 'noticeId' | 'tenant'>

function ofFinding({ finding, scene, sample }: Extract<Notice, { kind: 'finding' }>): Said {
  const { atlas, attack, agentic, mcp } = readTags(finding.tags)
  const [out] = scene.egress ?? []
  const hostIp = ipOf(out?.ip)
  const clientIp = ipOf(scene.clientIp)
  const { containment, disposition } = finding
  return {
    signature: finding.cause,
    name: sample === true ? `[TEST] ${finding.title}` : finding.title,
    findingId: finding.id,
    activity: finding.activity,
    agent: finding.agent,
    role: finding.role,
    session: finding.session,
    server: finding.server,
    ...(finding.tool !== undefined && finding.tool !== '' && { tool: finding.tool }),
    ...(scene.user !== undefined && { user: scene.user }),
    ...(clientIp !== undefined && { clientIp }),
    ...(out?.host !== undefined && { host: out.host }),
    ...(hostIp !== undefined && { hostIp }),
    ...(out?.port !== undefined && { port: out.port }),
    ...(containment && { action: containment.level }),
    ...(disposition ? { outcome: disposition.kind } : containment && { outcome: containment.state }),
    message: finding.reasons
      .map(({ what, observed, expected }) => `${what}: ${observed} (usual: ${expected})`)
      .join('; '),
    techniques: [...atlas, ...attack].join(','),
    tags: [...agentic, ...mcp].join(','),
    risk: finding.risk,
    count: finding.count,
  }
}

function ofEvent(notice: Exclude<Notice, { kind: 'finding' }>): Said {
  const { kind, op, auth, status, tool, user, bytes } = notice
  const clientIp = ipOf(notice.clientIp)
  const outcome = kind === 'auth' ? auth?.outcome : status
  return {
    signature: kind === 'auth' ? `auth-${auth?.outcome ?? 'unknown'}` : 'tool-call',
    name: kind === 'auth' ? 'Agent authentication' : 'Agent tool call',
    activity: op,
    agent: notice.agent,
    role: notice.role,
    session: notice.session,
    server: notice.server,
    ...(tool !== undefined && { tool }),
    ...(user !== undefined && { user }),
    ...(clientIp !== undefined && { clientIp }),
    ...(outcome !== undefined && { outcome }),
    message: auth?.reason ?? notice.errorCode ?? '',
    techniques: '',
    tags: '',
    ...(bytes !== undefined && { bytes }),
  }
}
