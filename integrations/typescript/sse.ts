export interface SseEvent {
  readonly id?: string
  readonly event: string
  readonly data: string
}

const MAX_EVENT_CHARS = 16 * 1024 * 1024

/**
 * Server-sent events from pieces of text (WHATWG HTML, section 9.2.6), comments left out. Throws RangeError when one
 * event is longer than 16 MiB.
 */
export class SseParser {
  private rest = ''
  private lines: string[] = []
  private chars = 0
  private wasReturn = false

  push(text: string): readonly SseEvent[] {
    const found: SseEvent[] = []
    // A line may end with both characters, and a piece of text between them.
    const whole = this.rest + (this.wasReturn && text.startsWith('\n') ? text.slice(1) : text)
    this.wasReturn = text === '' ? this.wasReturn : text.endsWith('\r')
    const lines = whole.split(/\r\n|\n|\r/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') this.keep(line)
      else if (this.lines.length > 0) found.push(...this.take())
    }
    if (this.chars + this.rest.length > MAX_EVENT_CHARS)
      throw new RangeError('a server-sent event is longer than 16 MiB')
    return found
  }

  private keep(line: string): void {
    if (line.startsWith(':')) return
    this.lines.push(line)
    this.chars += line.length
  }

  private take(): readonly SseEvent[] {
    const fields = new Map<string, string>()
    const data: string[] = []
    for (const line of this.lines.splice(0)) {
      const colon = line.indexOf(':')
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (name === 'data') data.push(value)
      else fields.set(name, value)
    }
    this.chars = 0
    const id = fields.get('id')
    if (data.length === 0) return []
    return [{ event: fields.get('event') ?? 'message', data: data.join('\n'), ...(id !== undefined && { id }) }]
  }
}
