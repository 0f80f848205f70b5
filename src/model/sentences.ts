const MAX_SENTENCES = 200
const MAX_SENTENCE = 500
export const MAX_QUOTE = 160

/** Lower case, as far as sentencesIn goes. */
export function sentencesOf(text: string): readonly string[] {
  return sentencesIn(text).map((sentence) => sentence.toLowerCase())
}

/** Letters as written, single blanks; a line break alone does not end a sentence. At most MAX_SENTENCES of MAX_SENTENCE characters. */
export function sentencesIn(text: string): readonly string[] {
  const flat = text
    .replace(/[’ʼ]/g, "'")
    .replace(/\n[ \t]*(?=\n|[-*#•])/g, '. ')
    .replace(/\s+/g, ' ')
  const sentences: string[] = []
  let from = 0
  for (let i = 0; i <= flat.length && sentences.length < MAX_SENTENCES; i++) {
    const c = flat[i]
    const ends =
      i === flat.length ||
      i - from >= MAX_SENTENCE ||
      c === '。' ||
      c === '！' ||
      ((c === '.' || c === '!' || c === '?' || c === ';') && (flat[i + 1] === ' ' || i + 1 === flat.length))
    if (!ends) continue
    const sentence = flat.slice(from, i + 1).trim()
    if (sentence.length > 3) sentences.push(sentence)
    from = i + 1
  }
  return sentences
}

/** Control characters and runs of blanks out, cut: an analyst's console must not be moved by what it shows. */
export function quotable(text: string): string {
  const flat = text.replace(/[\p{C}\s]+/gu, ' ').trim()
  return flat.length > MAX_QUOTE ? `${flat.slice(0, MAX_QUOTE - 1)}…` : flat
}
