import { changeNats, defineDetector, type Reason, type Sighted, SUSPICIOUS_CHANGE_NATS } from 'belay'

const MAX_REASONS = 5
/** a definition that changes while a session uses it, unannounced */
const MID_SESSION_NATS = 2

export default defineDetector({
  id: 'tool-definition-changed',
  title: 'Tool that was approved as one thing and is another now',
  description:
    'The definition of a known tool has changed as no update does: new orders to the model, parameters that say where things go or what is run, values that widen what it may do, new addresses, another digest under the same release.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['AML.T0109', 'AML.T0110', 'ASI04', 'MCP03', 'MCP04'],
  knownGaps: [
    'A tool whose code changes behind the same definition.',
    'A change in several steps, each of which looks like an update.',
    'Without texts a new digest under a new release is taken for an update.',
  ],
  runbook: [
    'Compare both versions (`belay tools SERVER/TOOL`): what can the model be made to do that it could not before?',
    "Look for the change in the server's release notes or source.",
    'If it is wanted, clear the session so that the new version is learnt; else quarantine the tool.',
  ],
  detect({ fleet }) {
    let strength = 0
    const reasons: Reason[] = []
    for (const sighted of fleet.sightings) {
      if (sighted.novelty !== 'changed') continue
      const nats = natsOfChange(sighted)
      if (nats < SUSPICIOUS_CHANGE_NATS) continue
      strength = Math.max(strength, nats)
      reasons.push(...reasonsOf(sighted))
    }
    return strength === 0 ? undefined : { strength, reasons }
  },
})

/** That it happens under a running session adds to a change; the wording alone is no change. */
function natsOfChange({ changes, isMidSession }: Sighted): number {
  const nats = changeNats(changes)
  return isMidSession && nats >= 1 ? nats + MID_SESSION_NATS : nats
}

function reasonsOf({ passport, version, before, changes, isMidSession }: Sighted): readonly Reason[] {
  const what = `\`${passport.tool}\` of server ${passport.server}`
  const since = new Date(before?.firstMs ?? passport.firstMs).toISOString().slice(0, 10)
  const expected = `version ${before?.digest ?? 'none'}, known since ${since}`
  const reasons: Reason[] = changes
    .slice(0, MAX_REASONS)
    .map((change) => ({ what, observed: `version ${version.digest}: ${change.what}`, expected }))
  if (isMidSession) reasons.push({ what, observed: 'changed under a running session, unannounced', expected })
  return reasons
}
