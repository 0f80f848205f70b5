import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import type { CloudEvent } from '../model/index.ts'
import { eventSchema } from './event-schema.ts'

/** What is wrong with a value, where, and what to do about it. */
export interface Problem {
  /** JSON pointer from the event's root; empty for the root itself */
  readonly pointer: string
  readonly message: string
}

/*
 * `time` is checked by whoever needs its value, so that it is parsed once. Lengths are counted in UTF-16 units and
 * patterns compiled without the flag `u`: both are ASCII here, and it halves the cost. The logger would only say that
 * the first of these is deprecated.
 */
const ajv = new Ajv2020({
  strict: true,
  strictRequired: false,
  strictTypes: false,
  validateFormats: false,
  unicode: false,
  unicodeRegExp: false,
  logger: false,
})
const check = ajv.compile<CloudEvent>(eventSchema)

/** Whether the value is a valid event; if not, the first problem. The schema is compiled once, when this is loaded. */
export function problemOf(value: unknown): Problem | undefined {
  if (check(value)) return undefined
  const errors = check.errors ?? []
  // A failed `then` is reported together with its `if`, and a failed `anyOf` after its branches: the first says most.
  const error = errors.find((one) => one.keyword !== 'if') ?? errors[0]
  return error === undefined ? { pointer: '', message: 'is not a valid event' } : explain(error)
}

function explain(error: ErrorObject): Problem {
  const pointer = error.instancePath
  const limit = String(error.params.limit)
  switch (error.keyword) {
    case 'required': {
      const member = String(error.params.missingProperty)
      return { pointer: `${pointer}/${member}`, message: `is missing: add "${member}"` }
    }
    case 'type':
      return { pointer, message: `must be of JSON type ${String(error.params.type)}` }
    case 'const':
      return { pointer, message: `must be ${JSON.stringify(error.params.allowedValue)}` }
    case 'enum':
      return { pointer, message: `must be one of ${(error.params.allowedValues as unknown[]).join(', ')}` }
    case 'pattern':
      return { pointer, message: `must match ${String(error.params.pattern)}` }
    case 'minLength':
      return { pointer, message: 'must not be empty' }
    case 'maxLength':
      return { pointer, message: `must be at most ${limit} characters long: shorten it` }
    case 'maxItems':
      return { pointer, message: `must have at most ${limit} items: send fewer` }
    case 'minimum':
    case 'maximum':
      return { pointer, message: `must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${limit}` }
    default:
      return { pointer, message: error.message ?? 'is not valid' }
  }
}
