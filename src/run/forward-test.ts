import { randomUUID } from 'node:crypto'
import { messageOf } from '../forward/message.ts'
import { noticeId } from '../forward/notice.ts'
import { sampleNotice } from '../forward/sample.ts'
import type { Sent } from '../forward/wire.ts'
import type { Settings } from './config.ts'
import { createLog } from './log.ts'
import { planOf, productOf } from './parts/forward.ts'
import { baselineFolder, loadKeys } from './parts/keys.ts'
import type { DestinationSection } from './parts/wires.ts'

/** A destination's own shape, redaction and wire, once: what was sent and what came back. */
export async function sendTest(
  settings: Settings,
  section: DestinationSection,
): Promise<{ readonly sent: Sent; readonly text: string; readonly tookMs: number }> {
  const product = productOf()
  const plan = planOf(settings, section, product, createLog('warn', process.stderr))
  const { redaction } = loadKeys(settings, baselineFolder(settings.config.data))
  const startedMs = Date.now()
  const notice = sampleNotice(startedMs, randomUUID())
  const message = messageOf(notice, noticeId(notice), { plan, product, redactionKey: redaction })
  try {
    const sent = await plan.wire.send([message])
    return { sent, text: message.text, tookMs: Date.now() - startedMs }
  } finally {
    await plan.wire.close()
  }
}
