import { defineDetector, type Reason } from 'belay'

export default defineDetector({
  id: 'shadow-server',
  title: 'Server that is not registered, or passes for one that is',
  description:
    "A new server is missing on the operator's list, or its name passes for a known server's by look-alike letters, one letter off, or a decoration such as `official`.",
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['AML.T0010', 'AML.T0104', 'ASI04', 'MCP09', 'MCP04'],
  knownGaps: [
    "Without the operator's list (`detection.registeredServers`) a new server with a name of its own is no finding.",
    'A server that answers under the id of a known one.',
  ],
  runbook: [
    'Compare address and publisher with the server it resembles.',
    'See which agents connected to it and what they passed to its tools.',
    'Block it at the gateway until its owner is known; register it if it is wanted.',
  ],
  detect({ fleet: { isVouched, newServer } }) {
    if (newServer === undefined) return undefined
    const { server, isRegistered, passesFor, sameAddressAs } = newServer
    const reasons: Reason[] = []
    if (isRegistered === false)
      reasons.push({
        what: `server ${server}`,
        observed: 'not registered',
        expected: "a server of the operator's list",
      })
    if (isVouched && isRegistered !== true && sameAddressAs === undefined)
      for (const { server: known, likeness } of passesFor)
        reasons.push({
          what: `server ${server}`,
          observed: `${likeness} name`,
          expected: `${known}, which the tenant uses`,
        })
    return reasons.length === 0 ? undefined : { strength: 6, reasons }
  },
})
