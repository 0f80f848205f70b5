import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { allTaken, type Message, retry, type Sent, type Wire } from '../wire.ts'

export interface FileOptions {
  readonly path: string
  /** the file is rotated before it would grow beyond this */
  readonly maxBytes: number
  /** rotated files that are kept, as PATH.1 (the newest) to PATH.n */
  readonly keep: number
}

/** One line per message, appended and synced to disk before it counts as taken. */
export class RotatingFile implements Wire {
  readonly maxBatch = 1_000
  private readonly options: FileOptions
  private file: FileHandle | undefined
  private bytes = 0

  constructor(options: FileOptions) {
    this.options = options
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const text = Buffer.from(messages.map((message) => `${message.text}\n`).join(''))
    try {
      await this.opened()
      if (this.bytes > 0 && this.bytes + text.length > this.options.maxBytes) await this.rotate()
      const file = await this.opened()
      await file.appendFile(text)
      await file.datasync()
      this.bytes += text.length
      return allTaken(messages)
    } catch (error) {
      await this.close()
      return retry(error)
    }
  }

  async close(): Promise<void> {
    const file = this.file
    this.file = undefined
    await file?.close()
  }

  private async opened(): Promise<FileHandle> {
    if (this.file !== undefined) return this.file
    await mkdir(dirname(this.options.path), { recursive: true })
    const file = await open(this.options.path, 'a', 0o640)
    this.file = file
    this.bytes = (await file.stat()).size
    await this.endLine(file)
    return file
  }

  /** A crash, or a full disk, may have left half a line: what follows must not join it. */
  private async endLine(file: FileHandle): Promise<void> {
    if (this.bytes === 0) return
    const reader = await open(this.options.path, 'r')
    try {
      const { buffer } = await reader.read(Buffer.alloc(1), 0, 1, this.bytes - 1)
      if (buffer[0] === 0x0a) return
      await file.appendFile('\n')
      this.bytes++
    } finally {
      await reader.close()
    }
  }

  private async rotate(): Promise<void> {
    await this.close()
    const { path, keep } = this.options
    await rm(`${path}.${keep}`, { force: true })
    for (let at = keep - 1; at >= 1; at--)
      if (await exists(`${path}.${at}`)) await rename(`${path}.${at}`, `${path}.${at + 1}`)
    if (keep > 0) await rename(path, `${path}.1`)
    else await rm(path, { force: true })
    this.bytes = 0
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    // Not there: nothing to move on.
    return false
  }
}
