/**
 * Lower case in which every text is the sum of its parts: `toLowerCase` writes a capital sigma at a word's end as final
 * sigma, so that `ΟΔΟΣ` would not be found in `ΟΔΟΣΗΜΟ`.
 */
export function lowerCase(text: string): string {
  const lower = text.toLowerCase()
  return lower.includes('ς') ? lower.replaceAll('ς', 'σ') : lower
}

const DASHES = /[/\u2013\u2014\u2015]/g

/** The five dashes of `windash` as one character. */
export function foldDashes(text: string): string {
  return text.replace(DASHES, '-')
}
