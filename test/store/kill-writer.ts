import { openStore } from '../../src/store/open.ts'
import { judgedCalls } from '../../src/testing/judged.ts'
import { RETENTION } from './places.ts'

/**
 * Writes events [from, to) in batches of `size` and prints how far it came after each: what a pipeline would have
 * acknowledged. Run as a child: node kill-writer.ts DIRECTORY FROM TO SIZE; meant to be killed.
 */
const [, , directory = '', from = '0', to = '0', size = '1'] = process.argv
const JUST_BEFORE_MIDNIGHT = Date.UTC(2026, 10, 2, 21)

const store = await openStore({ kind: 'embedded', directory, retention: RETENTION })
await store.migrate()
const events = judgedCalls(Number(to) / 2, 0, JUST_BEFORE_MIDNIGHT)
console.log('ready')
for (let at = Number(from); at < Number(to); at += Number(size)) {
  await store.write(events.slice(at, at + Number(size)), [])
  console.log(Math.min(at + Number(size), Number(to)))
}
await store.close()
