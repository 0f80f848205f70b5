import type { Rejected, ToolEvent } from '../model/index.ts'

/** A bounded run of accepted events in the order in which they must be judged. */
export interface Batch {
  readonly events: readonly ToolEvent[]
  /**
   * Origins whose order (re)starts with this batch: newly assigned partitions. What a process remembers of their
   * sessions may be stale, another process may have moved them on.
   */
  readonly assigned: readonly string[]
  /** what could not be accepted; the pipeline stores it as dead letters in the same step as the events */
  readonly rejected: readonly Rejected[]
  /**
   * Called once, after every effect of the batch is durable. Kafka commits the offsets, HTTP answers 202. When it
   * rejects, the batch may come again, which must be harmless.
   */
  acknowledge(): Promise<void>
  /** Called instead of `acknowledge` when an effect failed for good: the batch comes again, from its first event. */
  abandon(cause: unknown): Promise<void>
}

/**
 * Where events come from. The pipeline pulls: it asks for the next batch only when it can take one, so a source that
 * is not pulled pauses (Kafka) or answers 429 (HTTP) instead of buffering without bound. Within one `origin`, events
 * arrive in rising `position`. Decoding happens inside the source, through the one decoder that all sources share.
 */
export interface Source {
  readonly name: string
  /** Ends when `signal` aborts, after the batch in hand; what was not yielded is not lost, it comes again. */
  batches(signal: AbortSignal): AsyncIterable<Batch>
  /** Safe to call twice. Resolves when connections are closed and positions that were acknowledged are durable. */
  close(): Promise<void>
}
