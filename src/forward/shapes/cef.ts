import type { Notice } from '../notice.ts'
import type { Product, Shape } from '../shape.ts'
import { type Line, lineOf } from './line.ts'
import { oneLine } from './text.ts'

/** Common Event Format, version 0 (ArcSight CEF Implementation Standard, revision 26). */
export const cef: Shape = { id: 'cef', isJson: false, write: writeCef }

const SEVERITIES = { info: 0, low: 3, medium: 5, high: 8, critical: 10 } as const

function writeCef(notice: Notice, product: Product): string {
  const line = lineOf(notice)
  const head = ['CEF:0', product.vendor, product.name, product.version, line.signature, line.name]
  const extension = extensionOf(line)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value, max]) => `${key}=${inExtension(String(value), max)}`)
  return `${head.map(inHeader).join('|')}|${SEVERITIES[line.severity]}|${extension.join(' ')}`
}

/** Key, value and the length that the standard allows it, in the standard's dictionary. */
function extensionOf(line: Line): readonly (readonly [key: string, value: string | number | undefined, max: number])[] {
  const tool = line.tool === undefined ? undefined : `${line.server}/${line.tool}`
  return [
    ['rt', line.atMs, 20],
    ['externalId', line.findingId ?? line.noticeId, 40],
    ['cat', line.activity, 1023],
    ['suser', line.user, 1023],
    ['sproc', line.agent, 1023],
    ['src', line.clientIp, 45],
    ['dhost', line.host, 1023],
    ['dst', line.hostIp, 45],
    ['dpt', line.port, 5],
    ['act', line.action, 63],
    ['outcome', line.outcome, 63],
    ['out', line.bytes, 20],
    ['cnt', line.count, 20],
    ...labelled('cs1', 'session', line.session),
    ...labelled('cs2', 'tool', tool),
    ...labelled('cs3', 'attack', line.techniques),
    ...labelled('cs4', 'role', line.role),
    ...labelled('cs5', 'tags', line.tags),
    ...labelled('cs6', 'tenant', line.tenant),
    ...labelled('cfp1', 'risk', line.risk?.toFixed(4)),
    ['destinationServiceName', line.server, 1023],
    ['fileId', line.noticeId, 1023],
    ['msg', line.message, 1023],
  ]
}

const MAX_CUSTOM = 1_000

function labelled(key: string, label: string, value: string | undefined): [string, string | undefined, number][] {
  if (value === undefined || value === '') return []
  return [
    [`${key}Label`, label, 1023],
    [key, value, MAX_CUSTOM],
  ]
}

const MAX_HEAD = 512

/** In the header `\` and `|` are escaped. */
function inHeader(text: string, at: number): string {
  return at === 0 ? text : oneLine(text, MAX_HEAD).replace(/[\\|]/g, '\\$&')
}

/** In the extension `\` and `=` are escaped; what would break the line is gone before. */
function inExtension(text: string, max: number): string {
  return oneLine(text, max).replace(/[\\=]/g, '\\$&')
}
