/** Writes the tables' part of docs/analyst.md from the schema's own comments: `npm run docs:analyst`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readHunts } from '../src/store/hunts.ts'
import { openStore } from '../src/store/open.ts'
import type { Store } from '../src/store/store.ts'
import { VIEWS } from '../src/store/views.ts'

export const PAGE = fileURLToPath(new URL('../docs/analyst.md', import.meta.url))
const HUNT_MARKS = /(<!-- hunts: written by `npm run docs:analyst` -->\n)[\s\S]*(<!-- end of hunts -->)/
const MARKS = /(<!-- tables: written by `npm run docs:analyst` -->\n)[\s\S]*(<!-- end of tables -->)/

interface Column {
  readonly name: string
  readonly type: string
  readonly comment: string
}

/** The page with its tables as the store's schema describes them. The store must be migrated. */
export async function withTables(page: string, store: Store): Promise<string> {
  const sections: string[] = []
  for (const view of VIEWS) sections.push(await section(store, view))
  return page
    .replace(MARKS, (_, begin: string, end: string) => `${begin}${sections.join('\n')}\n${end}`)
    .replace(HUNT_MARKS, (_, begin: string, end: string) => `${begin}${hunts()}\n${end}`)
}

function hunts(): string {
  const rows = readHunts().map(({ name, question, parameters }) => {
    const asked = parameters.map((one) => `\`${one.name}=${one.standard}\` ${one.meaning}`).join('; ')
    return `| \`${name}\` | ${question} | ${asked} |`
  })
  return ['| hunt | question | parameters |', '|---|---|---|', ...rows].join('\n')
}

async function section(store: Store, view: string): Promise<string> {
  const [table] = await store.query<{ comment: string; sql: string }>(
    `SELECT comment, create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name = {view:String}`,
    { view },
  )
  const { comment, sql } = table ?? { comment: '', sql: '' }
  // A view that passes a table's columns on has none of its comments.
  const source = /\bFROM (?:\w+\.)?(\w+)/.exec(sql)?.[1] ?? ''
  const said = new Map((await columns(store, source)).map((column) => [column.name, column.comment]))
  const rows = (await columns(store, view)).map(
    (column) => `| \`${column.name}\` | ${short(column.type)} | ${column.comment || said.get(column.name) || ''} |`,
  )
  return [
    `### ${view}`,
    '',
    `${sentence(comment)}.`,
    '',
    '| column | type | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

async function columns(store: Store, table: string): Promise<readonly Column[]> {
  return store.query<Column>(
    `SELECT name, type, comment FROM system.columns
     WHERE database = currentDatabase() AND table = {table:String} AND default_kind != 'MATERIALIZED' ORDER BY position`,
    { table },
  )
}

function short(type: string): string {
  return type.replace(/LowCardinality\((\w+)\)/g, '$1').replace("DateTime64(3, 'UTC')", 'DateTime64(3)')
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'belay-docs-'))
  const store = await openStore({ kind: 'embedded', directory })
  try {
    await store.migrate()
    writeFileSync(PAGE, await withTables(readFileSync(PAGE, 'utf8'), store))
  } finally {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
