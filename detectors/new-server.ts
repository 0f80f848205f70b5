import { defineDetector } from 'belay'

export default defineDetector({
  id: 'new-server',
  title: 'Server that the tenant never used',
  description: 'The first event of a server that neither history nor any other session of the tenant has.',
  scope: 'fleet',
  needs: [],
  whileLearning: false,
  contains: false,
  tags: ['AML.T0010', 'ASI04', 'MCP09'],
  knownGaps: ['A new server is everyday work: alone it is evidence, not a finding.'],
  runbook: [
    'Ask who connected the server and whether it is registered.',
    'See which tools it offers (`belay tools SERVER`) and what was passed to them.',
  ],
  detect({ fleet: { isVouched, newServer } }) {
    if (!isVouched || newServer === undefined) return undefined
    const { server, url } = newServer
    return {
      strength: 4,
      reasons: [
        {
          what: `server ${server}`,
          observed: `first event of it${url === undefined ? '' : `, at ${url}`}`,
          expected: 'a server that the tenant uses',
        },
      ],
    }
  },
})
