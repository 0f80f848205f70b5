import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Batch, Source } from '../accept/source.ts'
import type { CloudEvent } from '../model/index.ts'
import { cloudEvent } from './events.ts'

/** What the suite needs to know about one kind of source. */
export interface SourceUnderTest {
  readonly source: Source
  /**
   * Sends items in this order, as bytes of one event each. Resolves when they are on their way; `taken` when the
   * source has answered for them (sources that answer nobody resolve it at once).
   */
  readonly send: (items: readonly Uint8Array[]) => Promise<{ readonly taken: Promise<unknown> }>
  /** Another source that reads on where this one's acknowledgements ended; absent where a position is not kept. */
  readonly reopen?: () => Promise<SourceUnderTest>
}

export interface SourceTraits {
  /** bound of the batches that `create` asks for */
  readonly maxBatchEvents: number
  /** an abandoned batch comes again from the source itself (else its sender is told to send it again) */
  readonly redelivers: boolean
}

const TIMEOUT_MS = 60_000

const bytesOf = (event: CloudEvent) => Buffer.from(JSON.stringify(event))

function numbered(count: number): CloudEvent[] {
  return Array.from({ length: count }, (_, n) => cloudEvent({}, { id: `n-${String(n).padStart(5, '0')}` }))
}

/** Reads until `count` items (events and rejected ones) came, acknowledging each batch unless told otherwise. */
async function read(source: Source, count: number, onBatch = (batch: Batch) => batch.acknowledge()): Promise<Batch[]> {
  const stop = new AbortController()
  const batches: Batch[] = []
  let seen = 0
  for await (const batch of source.batches(stop.signal)) {
    batches.push(batch)
    await onBatch(batch)
    seen += batch.events.length + batch.rejected.length
    if (seen >= count) stop.abort()
  }
  return batches
}

const idsOf = (batches: readonly Batch[]) => batches.flatMap((batch) => batch.events.map((event) => event.id))

/** The contract of the port `Source`: run it in a `describe` of the adapter's own test. */
export function sourceSuite(create: () => Promise<SourceUnderTest>, traits: SourceTraits): void {
  test('every event comes once, in order, in bounded batches, with rising positions', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { source, send } = await create()
    const events = numbered(500)
    const reading = read(source, events.length)
    await send(events.map(bytesOf))
    const batches = await reading
    await source.close()
    expect(idsOf(batches)).toEqual(events.map((event) => event.id))
    for (const batch of batches) expect(batch.events.length).toBeLessThanOrEqual(traits.maxBatchEvents)
    const last = new Map<string, number>()
    for (const { origin, position } of batches.flatMap((batch) => batch.events)) {
      expect(position).toBeGreaterThan(last.get(origin) ?? -1)
      last.set(origin, position)
    }
    const assigned = batches.flatMap((batch) => batch.assigned)
    for (const origin of last.keys()) expect(assigned.filter((one) => one === origin)).toHaveLength(1)
  })

  test('what cannot be accepted is rejected with a reason and its bytes, the rest goes on', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { source, send } = await create()
    const [first, second] = numbered(2)
    if (first === undefined || second === undefined) throw new Error('two events expected')
    const bad = [Buffer.from('{"id":'), Buffer.from('{"specversion":"1.0"}'), Buffer.from([0x22, 0xff, 0x22])]
    const reading = read(source, 5)
    await send([bytesOf(first), ...bad, bytesOf(second)])
    const batches = await reading
    await source.close()
    expect(idsOf(batches)).toEqual([first.id, second.id])
    const rejected = batches.flatMap((batch) => batch.rejected)
    expect(rejected.map((one) => one.reason)).toEqual(['json', 'schema', 'json'])
    expect(rejected.map((one) => Buffer.from(one.bytes))).toEqual(bad)
    for (const one of rejected) expect(one.error).not.toBe('')
  })

  test('the sender is answered after the batch is acknowledged, not before', { timeout: TIMEOUT_MS }, async () => {
    const { source, send } = await create()
    const events = numbered(3)
    let acknowledgedCount = 0
    const reading = read(source, events.length, async (batch) => {
      await nextTurn()
      acknowledgedCount += batch.events.length
      await batch.acknowledge()
    })
    const { taken } = await send(events.map(bytesOf))
    const atAnswer = taken.then(() => acknowledgedCount)
    // A source that answers nobody may be behind its sender; one that answers may not.
    expect(await atAnswer).toBeGreaterThanOrEqual(traits.redelivers ? 0 : events.length)
    await reading
    await source.close()
  })

  test('an abandoned batch comes again, from its first event', { timeout: TIMEOUT_MS }, async () => {
    const { source, send } = await create()
    const events = numbered(5)
    const ids = events.map((event) => event.id)
    let isFirst = true
    const seen: string[] = []
    const stop = new AbortController()
    const reading = (async () => {
      for await (const batch of source.batches(stop.signal)) {
        if (isFirst) {
          isFirst = false
          await batch.abandon(new Error('the store is gone'))
          continue
        }
        seen.push(...batch.events.map((event) => event.id))
        await batch.acknowledge()
        if (seen.length >= events.length) stop.abort()
      }
    })()
    const { taken } = await send(events.map(bytesOf))
    const refusal = await taken.then(
      () => 'none',
      (error: unknown) => String(error),
    )
    expect(refusal).toMatch(traits.redelivers ? /^none$/ : /again/)
    if (!traits.redelivers) await send(events.map(bytesOf))
    await reading
    await source.close()
    expect(seen).toEqual(ids)
  })

  test('several batches may be open, and be acknowledged in any order', { timeout: TIMEOUT_MS }, async () => {
    const { source, send } = await create()
    const events = numbered(traits.maxBatchEvents * 3)
    const open: Batch[] = []
    const reading = read(source, events.length, (batch) => {
      open.unshift(batch)
      return Promise.resolve()
    })
    const { taken } = await send(events.map(bytesOf))
    await reading
    for (const batch of open) await batch.acknowledge()
    await taken
    await source.close()
    expect(open.length).toBeGreaterThanOrEqual(3)
  })

  test('aborting ends the batches, also while nothing comes, and closing twice is harmless', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { source } = await create()
    const stop = new AbortController()
    const reading = (async () => {
      for await (const batch of source.batches(stop.signal)) await batch.acknowledge()
    })()
    stop.abort()
    await expect(reading).resolves.toBeUndefined()
    await source.close()
    await expect(source.close()).resolves.toBeUndefined()
  })

  test('what was acknowledged does not come again, what was not does', { timeout: TIMEOUT_MS }, async ({ skip }) => {
    const first = await create()
    if (first.reopen === undefined) return skip('this source keeps no position')
    const events = numbered(traits.maxBatchEvents * 2)
    await first.send(events.map(bytesOf))
    let acknowledged: string[] = []
    const stop = new AbortController()
    for await (const batch of first.source.batches(stop.signal)) {
      if (acknowledged.length > 0) break
      acknowledged = batch.events.map((event) => event.id)
      await batch.acknowledge()
    }
    await first.source.close()
    const second = await first.reopen()
    const rest = await read(second.source, events.length - acknowledged.length)
    await second.source.close()
    expect([...acknowledged, ...idsOf(rest)]).toEqual(events.map((event) => event.id))
  })
}
