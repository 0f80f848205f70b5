import { readdirSync, readFileSync } from 'node:fs'

/** A named hunt: a question, its SQL and what it asks for. */
export interface Hunt {
  readonly name: string
  readonly question: string
  readonly parameters: readonly HuntParameter[]
  readonly sql: string
}

export interface HuntParameter {
  readonly name: string
  readonly type: string
  readonly standard: string
  readonly meaning: string
}

const FOLDER = new URL('./hunts/', import.meta.url)
const PARAMETER = /^-- (\w+) (\w+) ('[^']*'|\d+): (.+)$/

/** The hunts of hunts/, by name. */
export function readHunts(): readonly Hunt[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => parsed(file.slice(0, -'.sql'.length), readFileSync(new URL(file, FOLDER), 'utf8')))
}

function parsed(name: string, text: string): Hunt {
  const lines = text.trimEnd().split('\n')
  const head = lines.findIndex((line) => !line.startsWith('-- '))
  const parameters = lines.slice(1, head).map((line) => {
    const [, parameter = '', type = '', standard = '', meaning = ''] = PARAMETER.exec(line) ?? []
    if (parameter === '')
      throw new TypeError(`${name}: write a parameter as \`-- name Type default: meaning\`, not ${line}`)
    return { name: parameter, type, standard: standard.replace(/^'|'$/g, ''), meaning }
  })
  return { name, question: (lines[0] ?? '').slice(3), parameters, sql: lines.slice(head).join('\n') }
}
