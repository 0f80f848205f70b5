import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip } from 'node:zlib'
import type { Rule } from '../detect/sigma/ast.ts'
import { RAW_EVENTS } from '../detect/sigma/fields.ts'
import { loadRules } from '../detect/sigma/load.ts'
import { RuleSet } from '../detect/sigma/rule-set.ts'
import { CommandError, type Io } from './io.ts'

export interface MatchedFile {
  readonly eventsRead: number
  readonly matches: number
}

/** Matches rules against plain JSON events, one per line, and writes one line per match. */
export async function matchRaw(
  io: Io,
  rulePaths: readonly string[],
  eventPath: string,
  outPath: string | undefined,
): Promise<MatchedFile> {
  const { rules, failed } = await loadRules(rulePaths, { raw: true })
  for (const { file, line, message } of failed) io.err(JSON.stringify({ file, error: `line ${line}: ${message}` }))
  const ruleSet = new RuleSet(rules, RAW_EVENTS)
  const out = outPath === undefined ? standardOut(io) : fileOut(outPath)
  let line = -1
  let eventsRead = 0
  let matches = 0
  try {
    for await (const text of lines(openEvents(eventPath))) {
      line++
      const event = parseEvent(text, line, io)
      if (event === undefined) continue
      eventsRead++
      const matched = ruleSet.match(event)
      if (matched.length === 0) continue
      matches += matched.length
      await out.write(matched.map((rule) => matchLine(line, rule)).join('\n'))
    }
  } catch (cause) {
    throw unreadable(eventPath, cause)
  }
  await out.end()
  return { eventsRead, matches }
}

function matchLine(event: number, { key }: Rule): string {
  return JSON.stringify({ event, rule: key })
}

function parseEvent(text: string, line: number, io: Io): unknown {
  if (text.trim() === '') return undefined
  try {
    const event: unknown = JSON.parse(text)
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) return event
    io.err(JSON.stringify({ event: line, error: 'an event is a JSON object' }))
  } catch (error) {
    io.err(
      JSON.stringify({ event: line, error: `not JSON: ${error instanceof Error ? error.message : String(error)}` }),
    )
  }
  return undefined
}

function unreadable(path: string, cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException
  return typeof code === 'string' ? new CommandError(`${path} cannot be read: ${message}`, undefined, { cause }) : cause
}

// ---------------------------------------------------------------------------------------------- in and out

function openEvents(path: string): Readable {
  if (path === '-') return process.stdin
  const file = createReadStream(path, { highWaterMark: 1024 * 1024 })
  if (!path.endsWith('.gz')) return file
  const inflated = createGunzip()
  // an error of either destroys both, and reading `inflated` throws it
  pipeline(file, inflated).catch(() => undefined)
  return inflated
}

/** Lines without their end. Only a line feed ends one: JSON may hold the other line separators of Unicode. */
async function* lines(stream: AsyncIterable<Buffer>): AsyncIterable<string> {
  const decoder = new StringDecoder('utf8')
  let begun = ''
  for await (const chunk of stream) {
    const parts = (begun + decoder.write(chunk)).split('\n')
    begun = parts.pop() ?? ''
    yield* parts
  }
  begun += decoder.end()
  if (begun !== '') yield begun
}

interface Out {
  write(text: string): Promise<void> | void
  end(): Promise<void> | void
}

function standardOut(io: Io): Out {
  return { write: (text) => io.out(text), end: () => undefined }
}

function fileOut(path: string): Out {
  const stream: Writable = createWriteStream(path)
  const done = finished(stream)
  done.catch(() => undefined)
  return {
    write: async (text) => {
      if (!stream.write(`${text}\n`)) await Promise.race([once(stream, 'drain'), done])
    },
    end: async () => {
      stream.end()
      await done
    },
  }
}
