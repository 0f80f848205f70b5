import type { PatternPart, TextMatch } from './ast.ts'
import { foldDashes, lowerCase } from './fold.ts'

export type TextTest = (text: string) => boolean

/**
 * The test of one pattern. Without `cased` the text it is given must be in lower case already, and with `anyDash` its
 * dashes folded. Linear in the text for each piece of the pattern; nothing backtracks.
 */
export function textTest({ pattern, cased, anyDash }: TextMatch): TextTest {
  const parts = pattern.map((part) => ('literal' in part ? { literal: folded(part.literal, cased, anyDash) } : part))
  const [first, second, third] = parts
  if (first === undefined) return (text) => text === ''
  if (parts.length === 1) return 'literal' in first ? equals(first.literal) : wildcardOnly(first)
  if (parts.length === 2 && second) {
    if ('literal' in first && isMany(second)) return startsWith(first.literal)
    if (isMany(first) && 'literal' in second) return endsWith(second.literal)
  }
  if (parts.length === 3 && isMany(first) && second && 'literal' in second && third && isMany(third))
    return contains(second.literal)
  return glob(parts)
}

function folded(literal: string, cased: boolean, anyDash: boolean): string {
  const text = cased ? literal : lowerCase(literal)
  return anyDash ? foldDashes(text) : text
}

function isMany(part: PatternPart): boolean {
  return 'wildcard' in part && part.wildcard === 'many'
}

const equals =
  (literal: string): TextTest =>
  (text) =>
    text === literal
const startsWith =
  (literal: string): TextTest =>
  (text) =>
    text.startsWith(literal)
const endsWith =
  (literal: string): TextTest =>
  (text) =>
    text.endsWith(literal)
const contains =
  (literal: string): TextTest =>
  (text) =>
    text.includes(literal)

function wildcardOnly(part: PatternPart): TextTest {
  return isMany(part) ? () => true : (text) => text.length > 0 && oneCharacter(text, 0) === text.length
}

/** The index behind the character (code point) that begins at `at`. */
function oneCharacter(text: string, at: number): number {
  const high = text.charCodeAt(at)
  const low = at + 1 < text.length ? text.charCodeAt(at + 1) : 0
  return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff ? at + 2 : at + 1
}

/** The index at which the character that ends before `end` begins. */
function characterBefore(text: string, end: number): number {
  const low = text.charCodeAt(end - 1)
  const high = end > 1 ? text.charCodeAt(end - 2) : 0
  return low >= 0xdc00 && low <= 0xdfff && high >= 0xd800 && high <= 0xdbff ? end - 2 : end - 1
}

/** What stands between two `many`: literals, and undefined for `one`. */
type Piece = readonly (string | undefined)[]

/**
 * The first piece is anchored at the start, the last at the end, and each one between is taken where it first fits:
 * fitting earlier never takes room from a later one.
 */
function glob(parts: readonly PatternPart[]): TextTest {
  const pieces: (string | undefined)[][] = [[]]
  for (const part of parts)
    if (isMany(part)) pieces.push([])
    else pieces.at(-1)?.push('literal' in part ? part.literal : undefined)
  const head = pieces[0] ?? []
  if (pieces.length === 1) return (text) => fits(head, text, 0, text.length) === text.length
  const tail = pieces.at(-1) ?? []
  const middle = pieces.slice(1, -1).filter((piece) => piece.length > 0)
  return (text) => {
    let from = fits(head, text, 0, text.length)
    if (from < 0) return false
    const end = fitsBefore(tail, text, text.length, from)
    if (end < 0) return false
    for (const piece of middle) {
      from = firstFit(piece, text, from, end)
      if (from < 0) return false
    }
    return true
  }
}

/** The index behind the piece when it stands at `at`, else -1. */
function fits(piece: Piece, text: string, at: number, end: number): number {
  let index = at
  for (const literal of piece) {
    if (literal === undefined) {
      if (index >= end) return -1
      index = oneCharacter(text, index)
    } else {
      if (!text.startsWith(literal, index)) return -1
      index += literal.length
    }
    if (index > end) return -1
  }
  return index
}

/** The index at which the piece begins when it ends at `end`, else -1. */
function fitsBefore(piece: Piece, text: string, end: number, from: number): number {
  let index = end
  for (let at = piece.length - 1; at >= 0; at--) {
    const literal = piece[at]
    if (literal === undefined) {
      if (index <= from) return -1
      index = characterBefore(text, index)
    } else {
      if (index - literal.length < from || !text.startsWith(literal, index - literal.length)) return -1
      index -= literal.length
    }
    if (index < from) return -1
  }
  return index
}

/** The index behind the first place at or after `from` where the piece fits before `end`, else -1. */
function firstFit(piece: Piece, text: string, from: number, end: number): number {
  const [first] = piece
  for (let at = from; at <= end; at = oneCharacter(text, at)) {
    if (first !== undefined) {
      at = text.indexOf(first, at)
      if (at < 0 || at > end) return -1
    }
    const behind = fits(piece, text, at, end)
    if (behind >= 0) return behind
  }
  return -1
}
