import { createHmac } from 'node:crypto'
import type { Finding } from '../model/index.ts'
import type { EventNotice, Notice, Scene } from './notice.ts'

export const REDACTABLE = ['agent', 'session', 'user', 'address', 'observed'] as const
/** What may be kept from a receiver: names become keyed pseudonyms, which still join; observed values and places go. */
export type Redactable = (typeof REDACTABLE)[number]

const HIDDEN = '[redacted]'

/** A notice without what this destination must not see. Pure. */
export function redacted(notice: Notice, hide: ReadonlySet<Redactable>, key: Uint8Array): Notice {
  if (hide.size === 0) return notice
  const name = (what: Redactable, text: string) => (hide.has(what) ? pseudonym(key, what, text) : text)
  if (notice.kind !== 'finding') return ofEvent(notice, hide, name)
  return { ...notice, finding: ofFinding(notice.finding, hide, name), scene: ofScene(notice.scene, hide, name) }
}

type Naming = (what: Redactable, text: string) => string

function ofFinding(finding: Finding, hide: ReadonlySet<Redactable>, name: Naming): Finding {
  return {
    ...finding,
    agent: name('agent', finding.agent),
    session: name('session', finding.session),
    ...(hide.has('observed') && {
      reasons: finding.reasons.map((reason) => ({ ...reason, what: HIDDEN, observed: HIDDEN })),
    }),
  }
}

function ofScene({ op, user, clientIp, egress }: Scene, hide: ReadonlySet<Redactable>, name: Naming): Scene {
  const hidesPlaces = hide.has('address')
  return {
    ...(op !== undefined && { op }),
    ...(user !== undefined && { user: name('user', user) }),
    ...(clientIp !== undefined && !hidesPlaces && { clientIp }),
    ...(egress !== undefined && !hidesPlaces && { egress }),
  }
}

function ofEvent(notice: EventNotice, hide: ReadonlySet<Redactable>, name: Naming): EventNotice {
  const { clientIp, user, agentName, ...rest } = notice
  return {
    ...rest,
    agent: name('agent', notice.agent),
    session: name('session', notice.session),
    ...(agentName !== undefined && !hide.has('agent') && { agentName }),
    ...(user !== undefined && { user: name('user', user) }),
    ...(clientIp !== undefined && !hide.has('address') && { clientIp }),
  }
}

/** The same name is the same pseudonym; without the key nobody can try names. */
function pseudonym(key: Uint8Array, what: string, text: string): string {
  const digest = createHmac('sha256', key).update(`${what}\u001f${text}`).digest('hex')
  return `${what}-${digest.slice(0, 16)}`
}
