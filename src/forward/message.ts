import { kindOf } from './filter.ts'
import { type Notice, orderKey, severityOf, timeOf } from './notice.ts'
import { type Redactable, redacted } from './redact.ts'
import type { Product, Shape } from './shape.ts'
import type { Message } from './wire.ts'

export interface Writing {
  readonly plan: { readonly shape: Shape; readonly redact: ReadonlySet<Redactable> }
  readonly product: Product
  /** key of the pseudonyms */
  readonly redactionKey: Uint8Array
}

/** A notice as one destination sees it. Pure. */
export function messageOf(notice: Notice, id: string, { plan, product, redactionKey }: Writing): Message {
  const shown = redacted(notice, plan.redact, redactionKey)
  return {
    id,
    kind: kindOf(notice),
    atMs: timeOf(notice),
    severity: severityOf(notice),
    key: orderKey(shown),
    text: plan.shape.write(shown, product),
  }
}
