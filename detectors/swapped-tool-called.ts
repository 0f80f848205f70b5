import { changeNats, defineDetector, natsOf } from 'belay'

export default defineDetector({
  id: 'swapped-tool-called',
  title: 'Call of a tool whose definition turned bad',
  description:
    'The tool that is called shows a definition that gives orders to the model or has changed as no update does, and no history vouches for it.',
  scope: 'fleet',
  ops: ['tools/call'],
  needs: ['tool.name'],
  whileLearning: true,
  contains: true,
  raises: { severity: 'critical', response: 'quarantine_tool' },
  tags: ['AML.T0109', 'AML.T0110', 'AML.T0053', 'ASI04', 'ASI02', 'MCP03'],
  knownGaps: [
    'What a poisoned definition makes the model do with other tools is seen by other detectors only.',
    'Told once per hour and version, whoever calls it.',
  ],
  runbook: [
    'Read the definition and what changed (`belay tools SERVER/TOOL`).',
    'See which sessions called it since it changed, and what they passed.',
    'Keep the tool in quarantine until its owner explains the change; then clear and release.',
  ],
  detect({ fleet: { alarming } }) {
    const version = alarming?.current
    if (alarming === undefined || version === undefined) return undefined
    const [concern] = version.concerns
    const [change] = version.changes
    const observed = change === undefined ? `${concern?.kind ?? 'order'}: "${concern?.quote ?? ''}"` : change.what
    return {
      strength: Math.max(natsOf(version.concerns), changeNats(version.changes)),
      reasons: [
        {
          what: `\`${alarming.tool}\` of server ${alarming.server}, version ${version.digest}`,
          observed,
          expected: 'a definition that history vouches for',
        },
      ],
    }
  },
})
