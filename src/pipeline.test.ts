import { describe, expect, it } from 'vitest'
import type { Batch, Source } from './accept/source.ts'
import type { Judged, Order, Rejected, ToolEvent } from './model/index.ts'
import { type Effect, type PipelineParts, runPipeline } from './pipeline.ts'
import { toolEvent } from './testing/events.ts'

const never = new AbortController().signal

describe('runPipeline', () => {
  it('makes orders durable before it stores, and acknowledges last', async () => {
    const world = new World([[toolEvent()], [toolEvent()]])
    await runPipeline(world.parts(), never)
    expect(indexOf(world.log, 'place 1')).toBeLessThan(indexOf(world.log, 'write 1'))
    expect(indexOf(world.log, 'write 1')).toBeLessThan(indexOf(world.log, 'ack 0'))
  })

  it('goes on judging and ordering while the store refuses, then stores everything once and in order', async () => {
    const batches = Array.from({ length: 5 }, () => [toolEvent()])
    const world = new World(batches)
    world.refuseWrites = 4
    await runPipeline(world.parts(), never)
    const firstWritten = indexOf(world.log, 'write')
    expect(world.log.slice(0, firstWritten).filter((line) => line.startsWith('place'))).toHaveLength(5)
    expect(world.stored.map((event) => event.id)).toEqual(batches.flat().map((event) => event.id))
    expect(world.failures).toEqual([1, 2, 3, 4].map((attempt) => `store ${attempt}`))
  })

  it('stops pulling when too much waits for the store, so that memory stays bounded', async () => {
    const world = new World(Array.from({ length: 50 }, () => [toolEvent(), toolEvent()]))
    world.refuseWrites = 3
    await runPipeline(world.parts({ maxUnstored: 6 }), never)
    expect(world.mostUnstored).toBeLessThanOrEqual(8)
    expect(world.stored).toHaveLength(100)
  })

  it('does not acknowledge what it could not store before it stopped: the batch is abandoned', async () => {
    const stop = new AbortController()
    const world = new World([[toolEvent()]])
    world.refuseWrites = Number.POSITIVE_INFINITY
    world.onFailure = () => stop.abort()
    await runPipeline(world.parts(), stop.signal)
    expect(world.log).toContain('abandon 0')
    expect(world.log.some((line) => line.startsWith('ack'))).toBe(false)
  })

  it('stores a duplicate no second time and still acknowledges it', async () => {
    const event = toolEvent()
    const world = new World([[event], [event]])
    await runPipeline(world.parts(), never)
    expect(world.stored).toHaveLength(1)
    expect(world.log).toContain('ack 1')
  })

  it('hands rejected events to the store with the batch they came in', async () => {
    const rejected: Rejected = {
      origin: 'test',
      position: 1,
      reason: 'json',
      error: 'not JSON',
      receivedMs: 0,
      attempts: 1,
      bytes: new Uint8Array(),
    }
    const world = new World([[]], [rejected])
    await runPipeline(world.parts(), never)
    expect(world.dead).toEqual([rejected])
    expect(world.log).toContain('ack 0')
  })

  it('forgets newly assigned origins before it restores and judges their events', async () => {
    const world = new World([[toolEvent()]])
    world.assigned = ['kafka:t/3']
    await runPipeline(world.parts(), never)
    expect(world.log.slice(0, 3)).toEqual(['forget kafka:t/3', 'restore', 'judge'])
  })
})

function indexOf(log: readonly string[], prefix: string): number {
  return log.findIndex((line) => line.startsWith(prefix))
}

class World {
  readonly log: string[] = []
  readonly stored: ToolEvent[] = []
  readonly dead: Rejected[] = []
  readonly failures: string[] = []
  refuseWrites = 0
  mostUnstored = 0
  assigned: readonly string[] = []
  onFailure: () => void = () => {}
  private pulled = 0
  private readonly seen = new Set<string>()
  private readonly input: readonly (readonly ToolEvent[])[]
  private readonly rejected: readonly Rejected[]

  constructor(input: readonly (readonly ToolEvent[])[], rejected: readonly Rejected[] = []) {
    this.input = input
    this.rejected = rejected
  }

  parts(changes: Partial<PipelineParts> = {}): PipelineParts {
    return {
      source: this.source(),
      judge: {
        forget: (origins) => {
          if (origins.length > 0) this.log.push(`forget ${origins.join()}`)
        },
        restoreUnknown: async () => {
          if (this.assigned.length > 0) this.log.push('restore')
        },
        judge: (event) => this.judge(event),
      },
      desk: {
        place: async (orders) => void this.log.push(`place ${orders.length}`),
        observed: async () => undefined,
      },
      watch: { see: () => [] },
      store: { write: async (judged, rejected) => this.write(judged, rejected) },
      observe: {
        judged: () => {},
        done: () => {},
        failed: (effect: Effect, _error, attempt) => {
          this.failures.push(`${effect} ${attempt}`)
          this.onFailure()
        },
      },
      clock: { now: () => 0, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
      maxUnstored: 1_000,
      ...changes,
    }
  }

  private source(): Source {
    const batches = this.input.map((events, index): Batch => {
      return {
        events,
        assigned: this.assigned,
        rejected: this.rejected,
        acknowledge: async () => void this.log.push(`ack ${index}`),
        abandon: async () => void this.log.push(`abandon ${index}`),
      }
    })
    const pull = async function* (world: World): AsyncIterable<Batch> {
      for (const batch of batches) {
        world.pulled += batch.events.length
        world.mostUnstored = Math.max(world.mostUnstored, world.pulled - world.stored.length)
        yield batch
      }
    }
    return { name: 'test', batches: () => pull(this), close: async () => {} }
  }

  private judge(event: ToolEvent): Judged {
    this.log.push('judge')
    const duplicate = this.seen.has(event.id)
    this.seen.add(event.id)
    const order = { id: event.id } as Order
    return {
      event,
      facts: { token: 'tools/call:read_file', firstOfCall: true, parameters: [] },
      agentHour: { hour: 0, calls: 1, bytes: 0, records: 0 },
      verdict: {
        score: 0,
        risk: 0,
        baseline: 'none',
        signals: [],
        unjudged: [],
        action: 'allow',
        findings: [],
        duplicate,
      },
      orders: duplicate ? [] : [order],
    }
  }

  private write(judged: readonly Judged[], rejected: readonly Rejected[]): void {
    if (this.refuseWrites-- > 0) throw new Error('refused')
    this.log.push(`write ${judged.length}`)
    this.stored.push(...judged.map((one) => one.event))
    this.dead.push(...rejected)
  }
}
