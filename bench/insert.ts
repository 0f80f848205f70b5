import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Judged } from '../src/model/index.ts'
import { EVENTS } from '../src/store/columns.ts'
import { openStore } from '../src/store/open.ts'
import { RowWriter, writeRows } from '../src/store/rowbinary.ts'
import type { Store } from '../src/store/store.ts'
import { acceptedEvent } from '../src/testing/events.ts'
import { judgedEvent } from '../src/testing/judged.ts'
import { benchEvents } from './lib/events.ts'
import { type Measured, measure, round } from './lib/meter.ts'

const BLOCK = 5_000
const BLOCKS = 12
const PEER_BLOCKS = 4
const START_MS = Date.UTC(2026, 10, 2, 9)

/** The store's write of judged events into the embedded engine, against the same rows sent as text. */
export const benchmark = {
  about: `judged events into the embedded store in blocks of ${BLOCK}, encoding included, against JSONEachRow`,
  run,
}

async function run(progress: (line: string) => void): Promise<Record<string, unknown>> {
  const directory = mkdtempSync(join(tmpdir(), 'belay-bench-'))
  const store = await openStore({ kind: 'embedded', directory, retention: { eventDays: 20_000, findingDays: 20_000 } })
  try {
    await store.migrate()
    const blocks = blocksOf(BLOCK * BLOCKS)
    const [first = []] = blocks
    await store.write(first, [])
    progress(`writing ${BLOCKS} blocks of ${BLOCK} events`)
    const whole = await measure(() => inTurn(blocks, (block) => store.write(block, [])))
    const size = await diskOf(store)
    const encode = await measure(() => inTurn(blocks, encodeOnly))
    progress(`the same rows as JSONEachRow, ${PEER_BLOCKS} blocks`)
    const texts = await asText(store)
    const peer = await measure(() => inTurn(texts, (rows) => store.insert('peer_rows', rows)))
    return figures(whole, encode, peer, size)
  } finally {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function figures(whole: Measured, encode: Measured, peer: Measured, diskBytes: number): Record<string, unknown> {
  const rate = round((BLOCK * BLOCKS) / whole.wallS)
  const peerRate = round((BLOCK * PEER_BLOCKS) / peer.wallS)
  return {
    work: 'judged events -> embedded store, durable',
    events: BLOCK * BLOCKS,
    columns: EVENTS.columns.length,
    events_per_s: rate,
    events_per_cpu_s: round((BLOCK * BLOCKS) / whole.cpuS),
    encode_share: round(encode.wallS / whole.wallS, 2),
    insert_share: round(1 - encode.wallS / whole.wallS, 2),
    peer: 'the same rows, already objects, through @clickhouse/client as JSONEachRow',
    peer_events_per_s: peerRate,
    ratio: round(rate / peerRate, 2),
    row_bytes: round(rowBytes()),
    disk_bytes_per_event: round(diskBytes),
    rss_mb: round(process.memoryUsage.rss() / 1e6),
  }
}

const writer = new RowWriter()

function encodeOnly(block: readonly Judged[]): void {
  writer.reset()
  writeRows(writer, EVENTS.columns, block)
}

function rowBytes(): number {
  return writer.size / BLOCK
}

function blocksOf(events: number): readonly (readonly Judged[])[] {
  const judged = benchEvents(events, { startMs: START_MS, gapMs: 20 }).map((line, position) =>
    judgedEvent(acceptedEvent(JSON.parse(line), { position, origin: 'bench/0' })),
  )
  return Array.from({ length: events / BLOCK }, (_, index) => judged.slice(index * BLOCK, (index + 1) * BLOCK))
}

/** The stored rows as objects, read back, so that the peer sends exactly the same columns. */
async function asText(store: Store): Promise<readonly (readonly Record<string, unknown>[])[]> {
  await store.command('CREATE TABLE peer_rows AS event_rows')
  const texts: Record<string, unknown>[][] = []
  for (let block = 0; block < PEER_BLOCKS; block++) {
    const from = block * BLOCK
    texts.push([...(await store.query<Record<string, unknown>>(ROWS, { from, to: from + BLOCK }))])
  }
  return texts
}

const ROWS = 'SELECT * FROM event_rows FINAL WHERE position >= {from:UInt64} AND position < {to:UInt64}'

async function diskOf(store: Store): Promise<number> {
  const [row] = await store.query<{ bytes: number }>(
    `SELECT sum(bytes_on_disk) / sum(rows) AS bytes FROM system.parts
     WHERE active AND database = currentDatabase() AND table = 'event_rows'`,
  )
  return row?.bytes ?? Number.NaN
}

async function inTurn<Item>(items: readonly Item[], work: (item: Item) => Promise<void> | void): Promise<void> {
  for (const item of items) await work(item)
}
