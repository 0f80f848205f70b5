import { systemClock } from '../../src/dispatch/clock.ts'
import { BULLMQ_DEFAULTS, BullmqQueue } from '../../src/dispatch/queue/bullmq.ts'

/** The worker that the kill test kills: takes a job, says so, and never finishes it. */
const [url = '', prefix = '', lockMs = ''] = process.argv.slice(2)
const options = { ...BULLMQ_DEFAULTS, url, prefix, lockMs: Number(lockMs), onError: () => undefined }

await new BullmqQueue(systemClock, options).work(async (job) => {
  process.stdout.write(`${job.order.id}\n`)
  return new Promise(() => undefined)
}, new AbortController().signal)
