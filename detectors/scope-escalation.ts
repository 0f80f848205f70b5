import { defineDetector } from 'belay'

/** Scopes that give power over others' data or over the system, whoever names them. */
const POWERFUL =
  /(?:^|[:._\-/ ])(?:\*|admin\w*|root|owner|super\w*|sudo|full\w*|all|manage\w*|write\w*|create\w*|delete\w*|passrole|assumerole|exec\w*|impersonat\w*|grant\w*|secrets?|keys?|billing|payments?|transfer\w*|offline_access|elevated|privileged|users?|config\w*|deploy\w*|publish\w*)(?:$|[:._\-/ ])/i

export default defineDetector({
  id: 'scope-escalation',
  title: 'Scopes that neither the agent nor its role ever had',
  description:
    'An agent authenticates with, or asks for, powerful scopes that nobody of its role was given in history, other than by a step-up.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: true,
  raises: { severity: 'high', response: 'require_step_up' },
  tags: ['AML.T0012', 'ASI03', 'MCP02', 'MCP07'],
  knownGaps: ['Scopes whose names do not say what they allow.', 'Misuse of a scope that the role has.'],
  runbook: [
    'Who granted the scope, and is there a change that explains it?',
    'See what the session did with it.',
    'Take the scope away from the credential; give it to a role that needs it.',
  ],
  detect({ event, fleet: { isVouched, identity } }) {
    if (!isVouched || identity === undefined || event.data.auth?.outcome !== 'success') return undefined
    const powerful = identity.newScopes.filter((scope) => POWERFUL.test(scope))
    if (powerful.length === 0) return undefined
    return {
      strength: 4 + powerful.length,
      reasons: [
        {
          what: `scopes of ${event.data.agent.id}`,
          observed: powerful.join(' '),
          expected: `scopes that role ${event.data.agent.role ?? event.data.agent.id} had before`,
        },
      ],
    }
  },
})
