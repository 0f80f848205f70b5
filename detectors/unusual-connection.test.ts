import { describe, expect, it } from 'vitest'
import type { EventData } from '../src/model/index.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './unusual-connection.ts'

describe('a connection', () => {
  const baseline = baselineOf({ destinations: [profileRow('egress\u001ffetch', 'api.example.com', 60)] })
  const connected = (to: NonNullable<EventData['egress']>[number]) =>
    run(detector, baseline, [toolEvent({ tool: { name: 'fetch' }, egress: [to] })])

  it('to a host the tool never had is a signal', () => {
    const [signal] = connected({ host: 'evil.example', country: 'DE' })
    expect(signal?.reasons[0]).toMatchObject({ what: '`fetch` connected to evil.example' })
    expect(signal?.strength).toBeGreaterThan(4)
  })
  it('to a host the tool uses is none', () => {
    expect(connected({ host: 'api.example.com' })).toEqual([])
  })

  const ports = baselineOf({
    destinations: [
      profileRow('egress\u001ffetch', 'api.example.com', 60),
      profileRow('egress\u001ffetch', 'api.example.com:443', 60),
      profileRow('egress\u001ffetch', 'api.example.com:*', 60),
    ],
  })
  const reached = (by: typeof ports, port: number) =>
    run(detector, by, [toolEvent({ tool: { name: 'fetch' }, egress: [{ host: 'api.example.com', port }] })])

  it('to a port that the host was never reached on is a signal', () => {
    const [signal] = reached(ports, 4444)
    expect(signal?.reasons).toMatchObject([{ what: '`fetch` connected to api.example.com:4444' }])
    expect(signal?.strength).toBeGreaterThan(4)
  })
  it('to the port that the host is reached on is none', () => {
    expect(reached(ports, 443)).toEqual([])
  })
  it('to any port of a host whose ports the history does not state is none', () => {
    expect(reached(baseline, 4444)).toEqual([])
  })
})
