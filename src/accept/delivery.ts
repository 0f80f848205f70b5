import type { Provenance, Rejected, ToolEvent } from '../model/index.ts'
import type { Binding } from './decode.ts'

/**
 * Where the HTTP routes put what they decoded. In one process that is the pipeline (`HttpSource`), in front of Kafka a
 * producer (`KafkaIngest`).
 */
export interface Delivery {
  /** The origin and next position of an event that is about to be decoded; positions rise in the order of the calls. */
  place(): Provenance
  /** False while more waits than may wait: the caller answers 429 and decodes nothing. */
  hasRoom(): boolean
  /**
   * Durable when it resolves. Rejects with DeliveryError when the sender has to send again. `bytes` is the size of what
   * was received, for the bound on what waits.
   */
  deliver(events: readonly ToolEvent[], rejected: readonly Rejected[], bytes: number): Promise<void>
}

export type DeliveryFailure = 'closed' | 'abandoned' | 'unavailable'

/** The events were not taken; sending them again later is right and harmless. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  readonly code: DeliveryFailure
  constructor(code: DeliveryFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Who sends events: the tenant and the sources that its credential may speak for. */
export interface IngestPrincipal extends Binding {
  readonly name: string
}
