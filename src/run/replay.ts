import { FileSource } from '../accept/file.ts'
import type { Source } from '../accept/source.ts'
import type { Judged, Rejected } from '../model/index.ts'
import { type Judge, type PipelineObserver, runPipeline } from '../pipeline.ts'
import type { Store } from '../store/store.ts'
import { CommandError, type Io } from './io.ts'
import type { Door } from './parts/accept.ts'
import { startProgress } from './progress.ts'

/** What a replay took and could not take. */
export interface Replayed {
  readonly events: number
  readonly rejected: number
  /** Unix milliseconds; 0 where there was no event */
  readonly newestMs: number
}

export interface ReplayParts {
  readonly io: Io
  readonly door: Door
  readonly judge: Judge
  readonly store: Pick<Store, 'write'>
  /** told of every event, duplicates too, in stream order, before it reaches the store */
  readonly judged?: (judged: readonly Judged[]) => void
}

const SHOWN_REJECTED = 5

/** Event files through the live path with nobody to deliver orders to. Rejects when a file cannot be read. */
export async function replayFiles(parts: ReplayParts, paths: readonly string[], what: string): Promise<Replayed> {
  const { io, judge } = parts
  const progress = startProgress(io, what)
  const total = { events: 0, rejected: 0, newestMs: 0 }
  const failure = new AbortController()
  const observe: PipelineObserver = {
    judged(judged) {
      total.events += judged.length
      for (const { event } of judged) total.newestMs = Math.max(total.newestMs, event.timeMs)
      progress.at(total.events)
      parts.judged?.(judged)
    },
    done: () => undefined,
    // Nothing here comes back by waiting, as a live store does: the first failure ends the replay.
    failed: (_effect, error) => failure.abort(error),
  }
  const source = tellingRejected(new FileSource({ decode: parts.door.decode, paths }), io, (count) => {
    total.rejected += count
  })
  try {
    const clock = { now: Date.now, sleep: () => Promise.resolve() }
    const desk = { place: () => Promise.resolve(), observed: () => Promise.resolve() }
    const watch = { see: () => [] }
    await runPipeline(
      { source, judge, desk, watch, store: parts.store, observe, clock, maxUnstored: 50_000 },
      failure.signal,
    )
  } finally {
    progress.end()
  }
  if (failure.signal.aborted) throw new CommandError(`stopped: ${String(failure.signal.reason)}`)
  return total
}

/** The first few of what was refused are shown as they come, so that a wrong file is seen at once. */
function tellingRejected(source: Source, io: Io, count: (rejected: number) => void): Source {
  let shown = 0
  const tell = ({ error }: Rejected): void => {
    if (shown++ < SHOWN_REJECTED) io.err(`not taken: ${error}`)
  }
  return {
    name: source.name,
    async *batches(signal) {
      for await (const batch of source.batches(signal)) {
        count(batch.rejected.length)
        batch.rejected.forEach(tell)
        yield batch
      }
    },
    close: () => source.close(),
  }
}
