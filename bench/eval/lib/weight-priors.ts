import type { Weights } from '../../../src/detect/verdict.ts'

/** It sees that a call obeys what untrusted text says. */
const OBEDIENCE = 1
/** What a role does, how much and when: an honest agent departs from it now and then. */
const HABIT = 0.3
/** What differs from one honest session to the next, and what is new in the tenant and not this session's doing. */
const EVERYDAY = 0.1
/** It is said of a PEP, not of the session whose event shows it. */
const ANOTHERS = 0

/**
 * What a person expects a nat of each detector's surprise to be worth, in four coarse steps and by what the detector
 * sees, not by figures of any set. Training starts here, and ends here where its sessions say nothing.
 */
export const PRIOR: Weights = {
  default: 0.5,
  detectors: {
    'untrusted-destination': OBEDIENCE,
    'explained-by-untrusted-text': OBEDIENCE,
    'new-tool-for-role': HABIT,
    'unusual-volume': HABIT,
    'off-hours': HABIT,
    'unusual-sequence': EVERYDAY,
    'unusual-combination': EVERYDAY,
    'unusual-parameter': EVERYDAY,
    'unusual-latency': EVERYDAY,
    'error-storm': EVERYDAY,
    'new-destination': EVERYDAY,
    'intent-mismatch': EVERYDAY,
    'new-server': EVERYDAY,
    'credential-new-place': EVERYDAY,
    'capability-creep': EVERYDAY,
    'poisoned-description': EVERYDAY,
    'tool-definition-changed': EVERYDAY,
    'tool-shadowing': EVERYDAY,
    'shadow-server': EVERYDAY,
    equivocation: EVERYDAY,
    'pep-silent': ANOTHERS,
    'pep-bypass': ANOTHERS,
    'sequence-gap': ANOTHERS,
  },
}
