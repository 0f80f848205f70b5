import { expect, test } from 'vitest'
import { createLog } from './log.ts'

const linesOf = (isTTY: boolean, act: (log: ReturnType<typeof createLog>) => void): string => {
  const lines: string[] = []
  act(createLog('info', { isTTY, write: (line) => lines.push(line) }))
  return lines.join('')
}

test('secrets never reach a line, in either form', () => {
  for (const isTTY of [true, false]) {
    const line = linesOf(isTTY, (log) =>
      log.info(
        { password: 'hunter2', gateway: { secret: 'hunter2' }, req: { headers: { authorization: 'hunter2' } } },
        'x',
      ),
    )
    expect(line).not.toContain('hunter2')
    expect(line).toContain('[redacted]')
  }
})

test('a terminal gets readable lines with the stack, others JSON', () => {
  const act = (log: ReturnType<typeof createLog>) =>
    log.warn({ err: new Error('refused'), attempt: 3 }, 'insert failed')
  expect(linesOf(true, act)).toMatch(/^\d\d:\d\d:\d\d warn {2}insert failed attempt=3\nError: refused\n/)
  expect(JSON.parse(linesOf(false, act))).toMatchObject({ level: 'warn', msg: 'insert failed', attempt: 3 })
})
