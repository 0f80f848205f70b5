import { type Change, changeNats, defineDetector, SUSPICIOUS_CHANGE_NATS } from 'belay'

/** Kinds of change by which a tool may do more than it was approved for. */
const WIDENS = new Set(['parameter', 'enum', 'loosened', 'annotation', 'address'])
const LEAST_NATS = 2
/** versions over which small steps are added up */
const STEPS = 5

export default defineDetector({
  id: 'capability-creep',
  title: 'Tool that may do more with every version',
  description:
    'The versions of a tool, each a small change, add up to one that takes powerful parameters, wider values, or has given up its claim to only read.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  tags: ['AML.T0110', 'ASI02', 'ASI03', 'MCP02'],
  knownGaps: [
    'Capabilities that no schema and no annotation states.',
    'More versions than are kept: the oldest are forgotten.',
  ],
  runbook: [
    'Read the versions in order (`belay tools SERVER/TOOL`): what is the tool able to do now that it was not approved for?',
    'Approve it anew or take it out of the roles that do not need the new part.',
  ],
  detect({ fleet }) {
    for (const { novelty, passport, version, changes } of fleet.sightings) {
      if (novelty !== 'changed' || changeNats(changes) >= SUSPICIOUS_CHANGE_NATS) continue
      const steps = passport.versions.slice(-STEPS).flatMap((one) => (one === version ? [] : [...one.changes]))
      const widening: readonly Change[] = [...steps, ...changes].filter(({ kind }) => WIDENS.has(kind))
      const nats = changeNats(widening)
      if (nats < LEAST_NATS || !changes.some(({ kind, nats: one }) => WIDENS.has(kind) && one >= 1)) continue
      return {
        strength: nats,
        reasons: [
          {
            what: `\`${passport.tool}\` of server ${passport.server}, version ${version.digest}`,
            observed: widening.map(({ what }) => what).join('; '),
            expected: 'a tool that can do what it was approved for',
          },
        ],
      }
    }
    return undefined
  },
})
