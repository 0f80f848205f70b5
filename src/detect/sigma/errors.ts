import type { Position } from './ast.ts'

/** A rule that does not load. The message says what is wrong and what to write instead, without the place. */
export class RuleError extends Error {
  override readonly name = 'RuleError'
  readonly code = 'RULE_INVALID'
  readonly position: Position
  constructor(position: Position, message: string) {
    super(message)
    this.position = position
  }
}
