import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CloudEvent } from '../../src/model/index.ts'
import type { Settings } from '../../src/run/config.ts'
import { learnFiles } from '../../src/run/learn-files.ts'
import { shifted, silent } from './ways.ts'

const FIXTURES = new URL('../../fixtures/', import.meta.url)
const ROLES = ['finance', 'support', 'research']
const COPIES = 4
const COPY_GAP_MS = 15_000

/** A fleet at work with a puppet attack in it, and the history that its roles are learnt from, moved along with it. */
export interface Fleet {
  /** NDJSON lines in the order of their times */
  readonly lines: readonly string[]
  readonly learn: (settings: Settings, folder: string) => Promise<void>
}

/**
 * The fixture fleet, played several times over by the same agents in new sessions, so that what counts across sessions
 * of an agent counts too. Ends at `endMs`.
 */
export function fleet(endMs: number): Fleet {
  const recorded = linesOf('fleet.ndjson').map((line) => JSON.parse(line) as CloudEvent)
  const copies = Array.from({ length: COPIES }, (_, copy) => recorded.map((event) => played(event, copy))).flat()
  copies.sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
  const shiftMs = endMs - Date.parse(copies.at(-1)?.time ?? '')
  return {
    lines: copies.map((event) => shifted(JSON.stringify(event), shiftMs)),
    async learn(settings, folder) {
      const history = ROLES.map((role) => {
        const path = join(settings.config.data, `${role}.ndjson`)
        writeFileSync(
          path,
          linesOf(`benign/${basename(path)}`)
            .map((line) => `${shifted(line, shiftMs)}\n`)
            .join(''),
        )
        return path
      })
      await learnFiles(settings, silent, history, folder)
    },
  }
}

function played(event: CloudEvent, copy: number): CloudEvent {
  const again = (name: string): string => `${name}-${copy}`
  const { data } = event
  return {
    ...event,
    id: again(event.id),
    time: new Date(Date.parse(event.time) + copy * COPY_GAP_MS).toISOString(),
    data: { ...data, call_id: again(data.call_id), session: { ...data.session, id: again(data.session.id) } },
  }
}

function linesOf(name: string): string[] {
  return readFileSync(new URL(name, FIXTURES), 'utf8').trimEnd().split('\n')
}
