import type { CloudEvent, Ref } from './event.ts'

/** A ref as the store's columns tell it: in, kind, fp, untrusted, imperative. */
export type StoredRef = readonly [where: Ref['in'], kind: string, fp: string, untrusted: boolean, imperative: boolean]

/**
 * Whether the columns tell all that these refs say: those that Belay makes, and most that PEPs send. They say a ref is
 * trusted by saying nothing, so one that a PEP calls trusted, or says more of, is kept in the event's text.
 */
export function fitColumns(refs: readonly Ref[]): boolean {
  return refs.length > 0 && refs.every(fitsColumns)
}

function fitsColumns(ref: Ref): boolean {
  for (const member in ref) {
    if (member === 'in' || member === 'kind' || member === 'fp') continue
    if ((member === 'untrusted' || member === 'imperative') && ref[member] === true) continue
    return false
  }
  return true
}

/** The event whose text was stored without the refs that columns tell, with them. `text`: written by the store. */
export function storedEvent(text: string, stored: readonly StoredRef[]): CloudEvent {
  const cloud = JSON.parse(text) as CloudEvent
  if (cloud.data.refs !== undefined || stored.length === 0) return cloud
  return { ...cloud, data: { ...cloud.data, refs: stored.map(refOf) } }
}

function refOf([where, kind, fp, untrusted, imperative]: StoredRef): Ref {
  return { in: where, kind, fp, ...(untrusted && { untrusted }), ...(imperative && { imperative }) }
}
