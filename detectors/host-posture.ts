import { defineDetector } from 'belay'

/** What posture services call a host that is not as it should be. */
const FAILED =
  /\b(?:fail(?:ed|ing|ure)?|non[ _-]?compliant|not[ _-]compliant|unhealthy|compromised|infected|jailbroken|rooted|tampered|untrusted|quarantined|violat\w{0,6})\b/i

export default defineDetector({
  id: 'host-posture',
  title: 'Host that failed its check',
  description: 'The posture that the PEP states for the host says that a check failed.',
  needs: [],
  whileLearning: true,
  contains: true,
  raises: { severity: 'medium' },
  tags: ['AML.T0012', 'ASI03', 'ASI10'],
  knownGaps: ['A posture in words that are not in the list.', 'A host that hides what was done to it.'],
  runbook: [
    'Open the report of the posture service for the host.',
    'See which other agents run there.',
    'Move the agent to a clean host before it goes on.',
  ],
  detect({ event, session, baseline }) {
    const posture = event.data.env?.posture
    if (posture === undefined || !FAILED.test(posture)) return undefined
    const seen = baseline.surroundings.surprise('posture', posture)
    // A fleet that never passes is a finding of its own, once, not of every session.
    if (seen !== undefined && seen.sessions > 0) return undefined
    return {
      strength: seen?.nats ?? Math.LN2,
      reasons: [
        {
          what: `posture of host ${event.data.env?.host ?? 'unknown'}`,
          observed: posture.slice(0, 120),
          expected:
            seen === undefined ? 'a host that passes its checks' : `usually ${seen.usual} for role ${session.role}`,
          support: { sessions: seen?.of ?? 0, agents: baseline.agents },
        },
      ],
    }
  },
})
