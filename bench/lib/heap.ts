import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
/** Collects all garbage, now. */
export const collect = runInNewContext('gc') as () => void

/** Bytes that are alive, on the heap and outside of it: twice collected, because the first finds what the second frees. */
export function liveBytes(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
