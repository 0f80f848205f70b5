/** The contract's schedule, seconds before attempt 0, 1, 2 ...: containment that comes in minutes comes too late. */
const SCHEDULE_MS = [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const
const STEADY_MS = 60_000
const JITTER = 0.2

/**
 * How long to wait before delivery number `attempt` (0 is the first), in milliseconds. After the schedule every 60 s,
 * with up to 20 % more or less so that gateways which came back are not hit by all orders at once. A `Retry-After`
 * that the gateway named is honoured when it is longer.
 *
 * @param random uniform in [0, 1)
 */
export function delayBefore(attempt: number, random: () => number, retryAfterMs = 0): number {
  const scheduled = SCHEDULE_MS[attempt] ?? Math.round(STEADY_MS * (1 - JITTER + 2 * JITTER * random()))
  return Math.max(scheduled, retryAfterMs)
}
