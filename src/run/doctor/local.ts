import { accessSync, constants, mkdirSync, statfsSync } from 'node:fs'
import { resolve } from 'node:path'
import { isLoopback } from '../config.ts'
import type { Config } from '../config-schema.ts'
import type { Check } from './check.ts'

const LOW_SPACE_BYTES = 2 * 1024 ** 3

export function checkTokens({ listen, tokens }: Config): Check {
  return {
    name: 'tokens',
    run: async () => {
      if (tokens.length > 0) return { state: 'ok', detail: `${tokens.length} configured` }
      if (isLoopback(listen.host)) return { state: 'ok', detail: 'none; only this machine may call' }
      return {
        state: 'failed',
        detail: `none, and ${listen.host} can be reached from other machines`,
        todo: 'add an entry to `tokens`, or listen on 127.0.0.1; `belay up` refuses to start like this',
      }
    },
  }
}

/** Windows lean on event times: a clock far off flags every event as late or ahead. */
export function checkClock({ baselines }: Config): Check {
  return {
    name: 'clock',
    run: async () => {
      const now = new Date()
      if (now.getUTCFullYear() < 2025)
        return { state: 'failed', detail: `says ${now.toISOString()}`, todo: 'set the clock; run NTP on this machine' }
      return { state: 'ok', detail: `${now.toISOString()}; working hours are learnt in ${baselines.timeZone}` }
    },
  }
}

export function checkData({ data }: Config): Check {
  return {
    name: 'data folder',
    run: async () => {
      const folder = resolve(data)
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        accessSync(folder, constants.R_OK | constants.W_OK)
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        return { state: 'failed', detail, todo: 'give this user the folder, or choose another with `data`' }
      }
      const space = statfsSync(folder)
      const freeBytes = space.bavail * space.bsize
      const detail = `${folder}, ${(freeBytes / 1024 ** 3).toFixed(1)} GB free`
      return freeBytes > LOW_SPACE_BYTES
        ? { state: 'ok', detail }
        : { state: 'warning', detail, todo: 'free some space: a full disk stops the store' }
    },
  }
}
