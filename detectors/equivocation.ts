import { defineDetector, type Sighted } from 'belay'

export default defineDetector({
  id: 'equivocation',
  title: 'Server that shows one tool in two versions at a time',
  description:
    'The same tool of the same server is shown in two definitions by turns under one release: each client sees a consistent one, the fleet does not. Lists of different length are no contradiction.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['AML.T0110', 'AML.T0109', 'ASI04', 'MCP03'],
  knownGaps: [
    'A face that is shown to one client only once, after which everyone sees the same again after half an hour.',
    'A server that names another release with each face.',
    'A release that is taken back within half an hour, unnamed, looks the same.',
  ],
  runbook: [
    'Compare both versions and who was shown which (`belay tools SERVER/TOOL`).',
    'Ask the owner of the server for what decides on the version: a roll-out in progress, a client, an address?',
    'If nobody can say, quarantine the tool for everyone.',
  ],
  detect({ fleet }) {
    const contradicted = fleet.sightings.filter((one) => one.isContradicted)
    if (contradicted.length === 0) return undefined
    return { strength: 6, reasons: contradicted.map(reasonOf) }
  },
})

function reasonOf({ passport, version, before }: Sighted) {
  const others = (before?.clients ?? []).slice(0, 3).join(', ')
  return {
    what: `\`${passport.tool}\` of server ${passport.server}`,
    observed: `version ${version.digest} again while version ${before?.digest ?? ''} is shown${others === '' ? '' : ` to ${others}`}`,
    expected: 'one definition for everyone at one time',
  }
}
