import type { Notice } from '../notice.ts'
import type { Product, Shape } from '../shape.ts'
import { type Line, lineOf } from './line.ts'
import { oneLine } from './text.ts'

/**
 * Log Event Extended Format 2.0 (IBM QRadar LEEF guide). The delimiter is a caret, because syslog servers rewrite tabs.
 * LEEF escapes nothing, so in a value a caret becomes its look-alike U+02C6, and in the header a bar becomes U+00A6.
 */
export const leef: Shape = { id: 'leef', isJson: false, write: writeLeef }

const DELIMITER = '^'
const SEVERITIES = { info: 1, low: 3, medium: 5, high: 8, critical: 10 } as const
const MAX_HEAD = 512
const MAX_VALUE = 1_000

function writeLeef(notice: Notice, product: Product): string {
  const line = lineOf(notice)
  const head = ['LEEF:2.0', product.vendor, product.name, product.version, line.signature]
  const attributes = attributesOf(line)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${inValue(String(value))}`)
  return `${head.map(inHeader).join('|')}|${DELIMITER}|${attributes.join(DELIMITER)}`
}

/** Predefined attributes first, by their names in the guide; the rest are ours. */
function attributesOf(line: Line): readonly (readonly [key: string, value: string | number | undefined])[] {
  return [
    ['devTime', line.atMs],
    ['cat', line.activity],
    ['sev', SEVERITIES[line.severity]],
    ['usrName', line.user],
    ['src', line.clientIp],
    ['dst', line.hostIp],
    ['dstPort', line.port],
    ['dstBytes', line.bytes],
    ['name', line.name],
    ['findingId', line.findingId],
    ['noticeId', line.noticeId],
    ['tenant', line.tenant],
    ['agent', line.agent],
    ['agentRole', line.role],
    ['sessionId', line.session],
    ['server', line.server],
    ['tool', line.tool === undefined ? undefined : `${line.server}/${line.tool}`],
    ['dstHost', line.host],
    ['action', line.action],
    ['outcome', line.outcome],
    ['risk', line.risk?.toFixed(4)],
    ['count', line.count],
    ['techniques', line.techniques],
    ['tags', line.tags],
    ['reason', line.message],
  ]
}

function inHeader(text: string, at: number): string {
  return at === 0 ? text : oneLine(text, MAX_HEAD).replaceAll('|', '\u00a6')
}

function inValue(text: string): string {
  return oneLine(text, MAX_VALUE).replaceAll(DELIMITER, '\u02c6')
}
