import { latinised } from './plain-text.ts'

/** How a name passes for another one. */
export type Likeness = 'confusable' | 'typo' | 'decorated'

/** Letters and digits that are read as each other, after lower-casing; separators do not count. */
function skeleton(name: string): string {
  return latinised(name.normalize('NFKC'))
    .replace(/[\p{Cf}\s_.-]/gu, '')
    .toLowerCase()
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w')
    .replace(/[1l|!]/g, 'i')
    .replace(/0/g, 'o')
    .replace(/5/g, 's')
    .replace(/3/g, 'e')
}

/** Ends that tell one of several honest variants from the next: numbers, versions, environments, plurals. */
const VARIANT =
  /(?:[_.-]?(?:v?\d{1,4}|s|es|dev|test|staging|stage|prod|production|eu|us|uk|ap|beta|alpha|next|old|new|async|batch|local|remote))+$/i
/** Words that an impostor puts beside a trusted name, rarely one of several variants. */
const DECORATION = /^(?:official|secure|safe|trusted|verified|real|enhanced|pro|premium|plus|mcp|the|my|fast|better)$/i
const SHORTEST = 5
const SHORTEST_FOR_TYPO = 7

/** How `name` passes for `known`; undefined where it does not, or where they are the same or honest variants. */
export function likenessOf(name: string, known: string): Likeness | undefined {
  if (name === known || known.length < SHORTEST) return undefined
  const a = skeleton(name)
  const b = skeleton(known)
  if (a === b) return plainly(name) === plainly(known) ? undefined : 'confusable'
  if (name.replace(VARIANT, '') === known.replace(VARIANT, '')) return undefined
  if (known.length >= SHORTEST_FOR_TYPO && Math.abs(a.length - b.length) <= 1 && isOneEdit(a, b)) return 'typo'
  const rest = name.split(/[_.\s-]+/).filter((word) => !DECORATION.test(word))
  if (rest.length > 0 && plainly(rest.join('')) === plainly(known)) return 'decorated'
  return undefined
}

/** `read-file`, `readFile` and `read_file` are spelt in three houses' styles. */
function plainly(name: string): string {
  return name.replace(/[_.\s-]/g, '').toLowerCase()
}

/** One insertion, deletion, substitution or exchange of neighbours, not in the last character (a plural, a number). */
function isOneEdit(a: string, b: string): boolean {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a]
  let at = 0
  while (at < short.length && long[at] === short[at]) at++
  if (at >= short.length - (long.length === short.length ? 1 : 0)) return false
  if (long.length !== short.length) return long.slice(at + 1) === short.slice(at)
  if (long.slice(at + 1) === short.slice(at + 1)) return true
  return long[at] === short[at + 1] && long[at + 1] === short[at] && long.slice(at + 2) === short.slice(at + 2)
}
