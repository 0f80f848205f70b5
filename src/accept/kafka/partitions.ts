import type { KafkaMessage } from 'kafkajs'

/** One assignment of one partition. A new object after every (re)assignment and after every step back. */
export interface Assignment {
  readonly topic: string
  readonly partition: number
  readonly origin: string
  /** offset after the last record that was yielded */
  next: number
  /** offset after the last record that the broker has, as of the last fetch */
  end: number
}

/** Records of one partition in the order of their offsets, waiting to be yielded. */
export interface Chunk {
  readonly assignment: Assignment
  readonly messages: readonly KafkaMessage[]
  /** index of the first message that still waits */
  at: number
}

export interface Taken {
  readonly assignment: Assignment
  readonly messages: readonly KafkaMessage[]
  /** of the messages' values */
  readonly bytes: number
}

function bytesOf(messages: readonly KafkaMessage[], from: number, to: number): number {
  let bytes = 0
  for (let i = from; i < to; i++) bytes += messages[i]?.value?.length ?? 0
  return bytes
}

/** What is assigned to this process, and the records that wait to be pulled. Knows no network. */
export class Partitions {
  private readonly current = new Map<string, Assignment>()
  private chunks: Chunk[] = []
  private restarted: string[] = []
  private waitingCount = 0
  private bytes = 0

  /** records that wait */
  get waiting(): number {
    return this.waitingCount
  }

  /** bytes of the values that wait */
  get waitingBytes(): number {
    return this.bytes
  }

  /** Forgets every earlier assignment and what waits of it: the broker sends again what was not committed. */
  assign(topic: string, partitions: readonly number[]): void {
    this.revokeAll()
    for (const partition of partitions) this.restart(topic, partition)
  }

  revokeAll(): void {
    this.current.clear()
    this.chunks = []
    this.waitingCount = 0
    this.bytes = 0
    this.restarted = []
  }

  /** Begins the partition anew: what waits of it is dropped, and nothing yielded before is ever committed. */
  restart(topic: string, partition: number): void {
    const origin = `kafka:${topic}/${partition}`
    this.current.set(origin, { topic, partition, origin, next: 0, end: 0 })
    this.chunks = this.chunks.filter((chunk) => chunk.assignment.origin !== origin)
    this.waitingCount = this.chunks.reduce((sum, chunk) => sum + chunk.messages.length - chunk.at, 0)
    this.bytes = this.chunks.reduce((sum, { messages, at }) => sum + bytesOf(messages, at, messages.length), 0)
    if (!this.restarted.includes(origin)) this.restarted.push(origin)
  }

  /** False when the partition is not assigned (any more). */
  add(topic: string, partition: number, messages: readonly KafkaMessage[], end: number): boolean {
    const assignment = this.current.get(`kafka:${topic}/${partition}`)
    if (assignment === undefined) return false
    assignment.end = end
    this.chunks.push({ assignment, messages, at: 0 })
    this.waitingCount += messages.length
    this.bytes += bytesOf(messages, 0, messages.length)
    return true
  }

  isCurrent(assignment: Assignment): boolean {
    return this.current.get(assignment.origin) === assignment
  }

  /** At most `maxCount` records and about `maxBytes`, at least one record, in the order in which they came. */
  take(maxCount: number, maxBytes: number): Taken[] {
    const taken: Taken[] = []
    let count = maxCount
    let bytes = maxBytes
    for (let chunk = this.chunks[0]; chunk !== undefined && count > 0 && bytes > 0; chunk = this.chunks[0]) {
      const one = takeFrom(chunk, count, bytes)
      taken.push(one)
      count -= one.messages.length
      bytes -= one.bytes
      this.waitingCount -= one.messages.length
      this.bytes -= one.bytes
      if (chunk.at === chunk.messages.length) this.chunks.shift()
    }
    return taken
  }

  /** Origins that began anew since the last call. */
  takeRestarted(): readonly string[] {
    const restarted = this.restarted
    this.restarted = []
    return restarted
  }

  /** Records that the broker had at the last fetch and that were not yielded yet. */
  lag(): number {
    let lag = 0
    for (const { next, end } of this.current.values()) lag += next === 0 ? 0 : Math.max(0, end - next)
    return lag
  }
}

function takeFrom(chunk: Chunk, maxCount: number, maxBytes: number): Taken {
  const { assignment, messages, at } = chunk
  let bytes = 0
  let to = at
  while (to < messages.length && to - at < maxCount && bytes < maxBytes) {
    bytes += messages[to]?.value?.length ?? 0
    to++
  }
  chunk.at = to
  assignment.next = Number(messages[to - 1]?.offset) + 1
  return { assignment, messages: messages.slice(at, to), bytes }
}
