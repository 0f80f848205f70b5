import type { Settings } from './config.ts'
import { checkChdb } from './doctor/chdb.ts'
import type { Check, CheckResult } from './doctor/check.ts'
import { checkClickHouse } from './doctor/clickhouse.ts'
import { gatewayChecks } from './doctor/gateways.ts'
import { checkKafka } from './doctor/kafka.ts'
import { checkClock, checkData, checkTokens } from './doctor/local.ts'
import { checkRedis } from './doctor/redis.ts'

export type NamedResult = CheckResult & { readonly name: string }

const TIMEOUT_MS = 15_000

/** What there is to check for this configuration; the configuration itself was checked when it was loaded. */
export function checksFor(settings: Settings): readonly Check[] {
  const { config } = settings
  return [
    checkTokens(config),
    checkClock(config),
    checkData(config),
    config.clickhouse ? checkClickHouse(settings, config.clickhouse) : checkChdb(config),
    ...(config.kafka ? [checkKafka(settings, config.kafka)] : []),
    ...(config.redis ? [checkRedis(settings, config.redis)] : []),
    ...gatewayChecks(settings),
  ]
}

/** One after the other, so that they read in order and do not crowd each other out. */
export async function runChecks(
  checks: readonly Check[],
  told: (result: NamedResult) => void,
): Promise<readonly NamedResult[]> {
  const results: NamedResult[] = []
  for (const check of checks) {
    const result = { name: check.name, ...(await bounded(check)) }
    told(result)
    results.push(result)
  }
  return results
}

async function bounded(check: Check): Promise<CheckResult> {
  const timer = new AbortController()
  const late = new Promise<CheckResult>((resolve) => {
    const timeout = setTimeout(() => resolve(failed(`no answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS)
    timer.signal.addEventListener('abort', () => clearTimeout(timeout))
  })
  const answer = check.run().catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)))
  return Promise.race([answer, late]).finally(() => timer.abort())
}

function failed(detail: string): CheckResult {
  return { state: 'failed', detail }
}
