import { createReadStream } from 'node:fs'
import { addAbortSignal, PassThrough, pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Rejected, ToolEvent } from '../model/index.ts'
import { type Decoder, MAX_EVENT_BYTES } from './decode.ts'
import type { Batch, Source } from './source.ts'

export interface FileSourceOptions {
  readonly decode: Decoder
  /** read one after the other; `.gz` is inflated, `-` is standard input */
  readonly paths: readonly string[]
  /** events in one batch at most (default 5,000) */
  readonly maxBatchEvents?: number
  /** what `-` reads (default the process's standard input) */
  readonly stdin?: Readable
  /** Unix milliseconds, for dead letters only: when they were met (default the system's clock) */
  readonly now?: () => number
}

/** A file that cannot be read to its end. */
export class EventFileError extends Error {
  override readonly name = 'EventFileError'
  readonly code = 'unreadable'
  readonly path: string
  constructor(path: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`${path} cannot be read: ${why}; give .ndjson, .ndjson.gz or - for standard input`, { cause })
    this.path = path
  }
}

const READ_BYTES = 1024 * 1024

/**
 * Event files, one JSON event per line, in bounded memory. A file has no ingest time: an event counts as received at
 * its own time, so the clock rule has nothing to say and a replay of last year's events is judged as it was. `position`
 * is the line's number, from 1. Ends at the end of the last file; throws EventFileError.
 */
export class FileSource implements Source {
  readonly name = 'file'
  private readonly options: FileSourceOptions
  private readonly maxBatchEvents: number
  private readonly again: Batch[] = []

  constructor(options: FileSourceOptions) {
    this.options = options
    this.maxBatchEvents = options.maxBatchEvents ?? 5_000
  }

  async *batches(signal: AbortSignal): AsyncIterable<Batch> {
    for (const path of this.options.paths) {
      if (signal.aborted) return
      try {
        yield* this.read(path, signal)
      } catch (cause) {
        if (signal.aborted) return
        throw cause instanceof EventFileError ? cause : new EventFileError(path, cause)
      }
    }
    yield* this.redeliver()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  private async *read(path: string, signal: AbortSignal): AsyncIterable<Batch> {
    const origin = `file:${path}`
    let assigned: readonly string[] = [origin]
    let position = 0
    for await (const lines of readLines(this.open(path, signal), this.maxBatchEvents)) {
      const events: ToolEvent[] = []
      const rejected: Rejected[] = []
      for (const body of lines) {
        position++
        if (body.length === 0) continue
        const decoded = this.options.decode({ body, origin, position })
        if (decoded.ok) events.push(decoded.event)
        else rejected.push(this.metNow(decoded.rejected))
      }
      yield this.batchOf(events, rejected, assigned)
      yield* this.redeliver()
      assigned = []
      if (signal.aborted) return
    }
  }

  /** What is not an event has no time of its own, and without one it would be as good as expired. */
  private metNow(rejected: Rejected): Rejected {
    const { now = Date.now } = this.options
    return { ...rejected, receivedMs: now(), error: `line ${rejected.position}: ${rejected.error}` }
  }

  private *redeliver(): Iterable<Batch> {
    for (let batch = this.again.shift(); batch !== undefined; batch = this.again.shift()) yield batch
  }

  private batchOf(events: readonly ToolEvent[], rejected: readonly Rejected[], assigned: readonly string[]): Batch {
    return {
      events,
      rejected,
      assigned,
      acknowledge: () => Promise.resolve(),
      abandon: () => {
        const origins = new Set([...assigned, ...events.map((event) => event.origin)])
        this.again.push(this.batchOf(events, rejected, [...origins]))
        return Promise.resolve()
      },
    }
  }

  private open(path: string, signal: AbortSignal): Readable {
    if (path === '-') return addAbortSignal(signal, this.options.stdin ?? process.stdin)
    const file = createReadStream(path, { highWaterMark: READ_BYTES, signal })
    if (!path.endsWith('.gz')) return file
    const out = new PassThrough({ highWaterMark: READ_BYTES })
    // An error of any part destroys all, and reading `out` throws it.
    pipeline(file, createGunzip({ chunkSize: READ_BYTES }), out, () => undefined)
    return out
  }
}

const LINE_FEED = 0x0a

/**
 * Lines without their end, at most `maxLines` at a time and as soon as they are there. A line that is longer than an
 * event may be is cut one byte beyond that, so that memory stays bounded and the decoder still sees that it is too long.
 */
export async function* readLines(stream: AsyncIterable<Buffer>, maxLines: number): AsyncIterable<Uint8Array[]> {
  let begun: Uint8Array = new Uint8Array()
  for await (const chunk of stream) {
    let lines: Uint8Array[] = []
    let from = 0
    for (let feed = chunk.indexOf(LINE_FEED); feed >= 0; feed = chunk.indexOf(LINE_FEED, from)) {
      lines.push(join(begun, chunk.subarray(from, feed)))
      begun = new Uint8Array()
      from = feed + 1
      if (lines.length < maxLines) continue
      yield lines
      lines = []
    }
    begun = join(begun, chunk.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (begun.length > 0) yield [begun]
}

function join(begun: Uint8Array, rest: Uint8Array): Uint8Array {
  const room = Math.max(0, MAX_EVENT_BYTES + 1 - begun.length)
  if (begun.length === 0) return rest.subarray(0, room)
  return room === 0 ? begun : Buffer.concat([begun, rest.subarray(0, room)])
}
