import { readFileSync } from 'node:fs'

/** A query of queries/, by its file name without extension. */
export function readSql(name: string): string {
  return readFileSync(new URL(`./queries/${name}.sql`, import.meta.url), 'utf8').trim()
}
