/**
 * Destination-like values in text, found by their shape. Every finder starts from a rare literal (`@`, `://`, `www.`,
 * `+`, `/`, a digit run) and widens from there by a bounded number of characters, so that a text costs linear time and
 * a text without such literals costs next to nothing.
 */

/** Told of every value found: its kind, the value normalised (equal destinations are equal strings), where it stood. */
export type Take = (kind: string, value: string, at: number) => void

const MAX_VALUE = 256

export function findValues(text: string, take: Take): void {
  if (text.length < 4) return
  if (text.includes('@')) findEmails(text, take)
  if (text.includes('://')) findAround(text, '://', take)
  if (text.includes('www.')) findAround(text, 'www.', take)
  if (text.includes('/')) findPaths(text, take)
  findDigits(text, take)
}

/** Scheme, `www.`, query, fragment and closing punctuation taken off; lower case. */
export function normaliseUrl(raw: string): string {
  let url = raw.toLowerCase()
  const scheme = url.indexOf('://')
  if (scheme >= 0) url = url.slice(scheme + 3)
  if (url.startsWith('www.')) url = url.slice(4)
  const end = url.search(/[?#]/)
  if (end >= 0) url = url.slice(0, end)
  return trimEnd(url)
}

export function domainOf(url: string): string {
  const host = url.slice(url.lastIndexOf('@', url.indexOf('/') < 0 ? url.length : url.indexOf('/')) + 1)
  const end = host.search(/[/:]/)
  return end < 0 ? host : host.slice(0, end)
}

export function normaliseName(raw: string): string {
  return raw.trim().toLowerCase().replace(/^[#@]/, '')
}

function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && '/.,;:)\'"!'.includes(text[end - 1] ?? ' ')) end--
  return text.slice(0, end)
}

function findEmails(text: string, take: Take): void {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let from = at
    while (from > 0 && at - from < 64 && isLocal(text.charCodeAt(from - 1))) from--
    let to = at + 1
    while (to < text.length && to - at < MAX_VALUE && isHost(text.charCodeAt(to))) to++
    while (to > at && text.charCodeAt(to - 1) === DOT) to--
    if (from === at || !text.slice(at + 1, to).includes('.')) continue
    const email = text.slice(from, to).toLowerCase()
    take('email', email, from)
    take('domain', email.slice(email.indexOf('@') + 1), from)
  }
}

function findAround(text: string, mark: string, take: Take): void {
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length)) {
    if (mark === 'www.' && at > 0 && (isHost(text.charCodeAt(at - 1)) || text.charCodeAt(at - 1) === SLASH)) continue
    let to = at + mark.length
    while (to < text.length && to - at < MAX_VALUE && isUrl(text.charCodeAt(to))) to++
    const url = normaliseUrl(text.slice(at, to))
    if (url.length < 3) continue
    take('url', url, at)
    take('domain', domainOf(url), at)
  }
}

function findPaths(text: string, take: Take): void {
  for (let at = text.indexOf('/'); at >= 0; at = text.indexOf('/', at + 1)) {
    const before = at > 0 ? text.charCodeAt(at - 1) : SPACE
    const next = text.charCodeAt(at + 1)
    if (
      isWord(before) ||
      before === SLASH ||
      before === COLON ||
      before === DOT ||
      before === LESS ||
      !(isWord(next) || next === DOT)
    )
      continue
    let to = at + 1
    while (to < text.length && to - at < MAX_VALUE && isPath(text.charCodeAt(to))) to++
    const path = trimEnd(text.slice(at, to))
    if (path.length > 2) take('path', path, at)
    at = to - 1
  }
}

/** Accounts (two capitals and digits, or a long digit run), IPv4 addresses and telephone numbers. */
const DIGITS = /\d[\d .-]{5,39}/g

function findDigits(text: string, take: Take): void {
  DIGITS.lastIndex = 0
  for (let found = DIGITS.exec(text); found !== null; found = DIGITS.exec(text)) {
    const at = found.index
    const run = /^\d+/.exec(found[0])?.[0] ?? ''
    const before = at > 0 ? text.charCodeAt(at - 1) : SPACE
    if (before === PLUS) take('phone', digitsOnly(found[0]), at)
    else if (
      run.length >= 8 &&
      isCapital(before) &&
      isCapital(text.charCodeAt(at - 2)) &&
      !isWord(text.charCodeAt(at - 3))
    )
      take('account', (text.slice(at - 2, at) + run).toLowerCase(), at - 2)
    else if (run.length >= 8 && run.length <= 24 && !isWord(before) && !isWord(text.charCodeAt(at + run.length)))
      take('account', run, at)
    else if (run.length <= 3 && !isWord(before)) takeIp(found[0], at, take)
    DIGITS.lastIndex = at + Math.max(run.length, before === PLUS ? found[0].length : 1)
  }
}

function takeIp(text: string, at: number, take: Take): void {
  const ip = /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\d.]*\d)/.exec(text)?.[1]
  if (ip?.split('.').every((part) => Number(part) < 256)) take('ip', ip, at)
}

function digitsOnly(text: string): string {
  return text.replace(/\D/g, '').slice(0, 15)
}

const DOT = 46
const SLASH = 47
const COLON = 58
const SPACE = 32
const PLUS = 43
const LESS = 60

function isWord(c: number): boolean {
  return (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 122) || c === 95
}
function isCapital(c: number): boolean {
  return c >= 65 && c <= 90
}
function isHost(c: number): boolean {
  return isWord(c) || c === 45 || c === DOT
}
function isLocal(c: number): boolean {
  return isHost(c) || c === PLUS || c === 37
}
function isPath(c: number): boolean {
  return isHost(c) || c === SLASH || c === 126 || c === 64 || c === PLUS
}
/** everything a link may hold up to the quote, bracket or blank that ends it in prose, mark-up or JSON */
function isUrl(c: number): boolean {
  return (
    c > 32 &&
    c !== 34 &&
    c !== 39 &&
    c !== 60 &&
    c !== 62 &&
    c !== 41 &&
    c !== 93 &&
    c !== 125 &&
    c !== 92 &&
    c !== 96 &&
    c !== 124 &&
    c !== 44
  )
}
