/** Wall and CPU time of a piece of work, and what a rate is made of. */
export interface Measured {
  readonly wallS: number
  readonly cpuS: number
}

export async function measure(work: () => Promise<void> | void): Promise<Measured> {
  const cpu = process.cpuUsage()
  const started = process.hrtime.bigint()
  await work()
  const wallS = Number(process.hrtime.bigint() - started) / 1e9
  const used = process.cpuUsage(cpu)
  return { wallS, cpuS: (used.user + used.system) / 1e6 }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits))
}
