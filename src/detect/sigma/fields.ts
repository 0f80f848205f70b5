/** Reads one field of an event: undefined when it is missing, an array when it holds or passes through a list. */
export type FieldRead<E> = (event: E) => unknown

/**
 * Where rules find an event's values. A rule resolves each field name once, when it is compiled, and then only reads;
 * what is read must depend on the event alone. Values are JSON: text, numbers, booleans, null, lists, maps.
 */
export interface FieldReader<E> {
  /** The reader of a field as a rule names it, such as `tool.name`. */
  field(name: string): FieldRead<E>
  /** Every scalar value of the event, for keywords; stops when `visit` returns true and then returns true. */
  some(event: E, visit: (value: unknown) => boolean): boolean
  /** Unix milliseconds for correlations; undefined when the event has no readable time. */
  timeMs(event: E): number | undefined
}
