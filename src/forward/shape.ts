import type { Notice } from './notice.ts'

/** Who says it, in every shape. */
export interface Product {
  readonly vendor: string
  readonly name: string
  readonly version: string
}

/**
 * How a notice is written for a kind of SIEM: one line of text. Pure and total: whatever a notice holds, and its text is
 * an attacker's, the line parses as what it says and no text leaves its field.
 */
export interface Shape {
  readonly id: ShapeId
  /** a JSON object, for wires that carry nothing else */
  readonly isJson: boolean
  write(notice: Notice, product: Product): string
}

export const SHAPES = ['ocsf', 'ecs', 'cef', 'leef', 'json'] as const
export type ShapeId = (typeof SHAPES)[number]
