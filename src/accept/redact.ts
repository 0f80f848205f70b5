import type { CloudEvent } from '../model/index.ts'
import { Keys } from './redact/keys.ts'
import { Marks } from './redact/marker.ts'
import { changedPointers, parsePointer, replaceAt } from './redact/pointer.ts'
import { IDENTITY_POINTER } from './redact/rules.ts'
import { Walk } from './redact/walk.ts'

export interface RedactionOptions {
  /** HMAC key of the marks: the same for every process of an installation */
  readonly key: Uint8Array | string
  /** names of members whose values are secrets, beside the built-in ones; case, `-`, `_` and `.` do not count */
  readonly keys?: readonly string[]
  /** JSON pointers from the event's root, such as `/data/args/iban` */
  readonly pointers?: readonly string[]
}

export interface Redactor {
  /**
   * Takes secrets out of a valid event: by the name of a member, by configured pointer, and by pattern inside every
   * text. A whole secret value in free-form content (args, trace, ext, unknown members) becomes the contract's mark
   * object; a secret inside a text, or in a member that must be a text, becomes `[redacted:<hex>:<length>]`.
   * Never changes its input and returns it when there is nothing to take out; doing it twice does nothing more.
   * `undefined` when the event is nested deeper than 64 levels.
   *
   * Identity stays as it is (ids of event, call, agent, session, server, tool, containment), because an order must
   * name a session as its PEP does.
   */
  event(cloud: CloudEvent): CloudEvent | undefined
  /** By pattern only, for bytes that are no event. */
  text(text: string): string
}

/** Throws RangeError for a pointer that would take away what an event is known by. */
export function createRedactor(options: RedactionOptions): Redactor {
  const walk = new Walk(new Keys(options.keys ?? []), new Marks(options.key))
  const paths = (options.pointers ?? []).map(checkedPath)
  return {
    event(cloud) {
      const walked = walk.event(cloud) as CloudEvent | undefined
      if (walked === undefined) return undefined
      let after: unknown = walked
      for (const path of paths) after = replaceAt(after, path, (value) => walk.whole(value, isFreeForm(path)))
      return after === cloud ? cloud : listPointers(cloud, after as CloudEvent)
    },
    text: (text) => walk.text(text),
  }
}

function checkedPath(pointer: string): readonly string[] {
  if (pointer.startsWith('/') && !IDENTITY_POINTER.test(pointer)) return parsePointer(pointer)
  throw new RangeError(
    `redaction pointer ${pointer}: name content, such as /data/args/iban or /data/result/sample; identity cannot be redacted`,
  )
}

function isFreeForm([, member]: readonly string[]): boolean {
  return member === 'args' || member === 'ext' || member === 'trace'
}

function listPointers(before: CloudEvent, after: CloudEvent): CloudEvent {
  const pointers = changedPointers(before.data.args, after.data.args)
  if (pointers.length === 0) return after
  const listed = new Set([...(after.data.args_redacted ?? []), ...pointers])
  return { ...after, data: { ...after.data, args_redacted: [...listed] } }
}
