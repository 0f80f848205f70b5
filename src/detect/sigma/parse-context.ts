import type { Position } from './ast.ts'
import type { Placeholders } from './parse-text.ts'

export interface ParseOptions {
  /** rules of any product: Belay's own keys are left alone */
  readonly raw: boolean
  readonly placeholders: Placeholders
}

/** Something that loads but is probably not what the author meant. */
export interface RuleWarning {
  readonly position: Position
  readonly message: string
}

export interface Context extends ParseOptions {
  warn(position: Position, message: string): void
}
