import type { Readable } from 'node:stream'

const MAX_LINE_BYTES = 64 * 1024 * 1024
const NEWLINE = 0x0a

/** Lines of a byte stream, without their end; blank ones are left out. Throws RangeError for a line beyond 64 MiB. */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    let from = 0
    const buffer = chunk as Buffer
    for (let end = buffer.indexOf(NEWLINE); end >= 0; end = buffer.indexOf(NEWLINE, from)) {
      parts.push(buffer.subarray(from, end))
      const line = Buffer.concat(parts).toString('utf8').replace(/\r$/, '')
      parts = []
      bytes = 0
      from = end + 1
      if (line.trim() !== '') yield line
    }
    parts.push(buffer.subarray(from))
    bytes += buffer.length - from
    if (bytes > MAX_LINE_BYTES) throw new RangeError('a message is longer than 64 MiB')
  }
  const rest = Buffer.concat(parts).toString('utf8')
  if (rest.trim() !== '') yield rest
}
