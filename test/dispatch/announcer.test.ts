import { afterAll, describe, expect, it } from 'vitest'
import { connectKafka, containmentTopic, ensureTopics } from '../../src/accept/kafka/client.ts'
import { KafkaWriter } from '../../src/accept/kafka/writer.ts'
import { type Announcement, Announcer } from '../../src/dispatch/announcer.ts'
import { order } from '../../src/testing/orders.ts'
import { kafkaBroker } from '../services/kafka.ts'
import { Room } from './room.ts'

const kafka = await kafkaBroker()

/** Goal: whoever reads the compacted topic from its beginning knows what is contained now. */
describe('the containment topic', () => {
  const rooms: Room[] = []
  afterAll(async () => {
    for (const room of rooms) await room.dispose()
  })
  const open = () => {
    const room = new Room([])
    rooms.push(room)
    return room
  }
  const place = async (room: Room) => {
    const one = order({ issuedMs: room.clock.now() })
    await room.desk.place([one])
    return one
  }

  it('begins with what is in force, goes on with every change, and catches up by the newest word of each', async () => {
    const room = open()
    const held = await place(room)
    const written: Announcement[] = []
    let isAway = true
    let reached: () => void = () => undefined
    const announcer = new Announcer({
      posture: room.posture,
      clock: room.clock,
      write: async (records) => {
        if (isAway) throw new Error('the broker is away')
        written.push(...records)
        reached()
      },
      failed: () => undefined,
    })
    const stop = new AbortController()
    const running = announcer.run(stop.signal)
    await room.clock.armed()
    const freed = await place(room)
    await room.desk.release(freed.id, 'ada', 'was fine')
    isAway = false
    const caughtUp = new Promise<void>((resolve) => {
      reached = resolve
    })
    room.clock.advance(1_000)
    await caughtUp
    expect(written.map(({ key, headers }) => [key, headers.change])).toEqual([
      [held.id, 'apply'],
      [freed.id, 'release'],
    ])
    expect(JSON.parse(written[0]?.value ?? '')).toMatchObject({ containment_id: held.id, action: 'suspend_session' })
    expect(written[1]?.value).toBeNull()
    stop.abort()
    await running
  })

  it.skipIf(!kafka.available)(
    'is a compacted topic of the broker, with a tombstone for what has ended',
    async () => {
      if (!kafka.available) return
      const connection = { brokers: kafka.service.brokers, clientId: 'test' }
      const topic = `agent.containment.${Date.now()}`
      await ensureTopics(connection, [containmentTopic(topic)])
      const room = open()
      const writer = new KafkaWriter(connection)
      const stop = new AbortController()
      const announcer = new Announcer({
        posture: room.posture,
        clock: room.clock,
        write: (records) => writer.write(topic, records),
        failed: (error) => expect.unreachable(String(error)),
      })
      const running = announcer.run(stop.signal)
      const [held, freed] = [await place(room), await place(room)]
      await room.desk.release(freed.id, 'ada', 'was fine')
      const consumer = connectKafka(connection).consumer({ groupId: topic })
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      const state = new Map<string, string | undefined>()
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            eachMessage: async ({ message }) => {
              state.set(String(message.key), message.value?.toString())
              if (state.has(freed.id) && state.get(freed.id) === undefined) resolve()
            },
          })
          .catch(reject)
      })
      expect(JSON.parse(state.get(held.id) ?? '')).toMatchObject({ containment_id: held.id, revision: 1 })
      await consumer.disconnect()
      const admin = connectKafka(connection).admin()
      await admin.connect()
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: topic, configNames: ['cleanup.policy'] }],
      })
      expect(resources[0]?.configEntries[0]).toMatchObject({ configValue: 'compact' })
      await admin.disconnect()
      stop.abort()
      await running
      await writer.close()
    },
    60_000,
  )
})
