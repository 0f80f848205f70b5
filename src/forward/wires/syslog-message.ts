import type { Message } from '../wire.ts'

/** Facility 14, log alert (RFC 5424 table 1). */
const FACILITY = 14
/** Severities of RFC 5424 table 2: critical is alert, high critical, medium warning, low notice. */
const SEVERITIES = { critical: 1, high: 2, medium: 4, low: 5, info: 6 } as const

export interface SyslogHeader {
  readonly hostname: string
  readonly appName: string
}

/**
 * One RFC 5424 message: header, no structured data, then the text as it is. UTF-8 without the byte-order mark that
 * section 6.4 asks for, because CEF and LEEF parsers take it for a part of the text.
 */
export function syslogMessage({ kind, severity, atMs, text }: Message, header: SyslogHeader): string {
  const priority = FACILITY * 8 + SEVERITIES[severity]
  const msgId = kind === 'findings' ? 'alert' : 'event'
  const time = new Date(atMs).toISOString()
  return `<${priority}>1 ${time} ${token(header.hostname, 255)} ${token(header.appName, 48)} - ${msgId} - ${text}`
}

/** Header fields are printable ASCII without blanks, `-` where there is nothing. */
function token(text: string, max: number): string {
  const printable = text.replace(/[^\x21-\x7e]/g, '').slice(0, max)
  return printable === '' ? '-' : printable
}
