import type { Weights } from './verdict.ts'

/**
 * What a nat of each detector's calibrated surprise is worth, by how far its surprise alone tells hijacked sessions
 * from clean and from merely attacked ones on traces of several domains. Never negative: an unusual event is never
 * evidence of innocence. Detectors that are not named weigh DEFAULT.
 */
export const WEIGHTS: Weights = {
  default: 0.5,
  detectors: {
    'untrusted-destination': 1,
    'explained-by-untrusted-text': 1,
    'new-tool-for-role': 0.4,
    'unusual-sequence': 0.1,
    'unusual-volume': 0.3,
    'off-hours': 0.25,
    'unusual-combination': 0.02,
    'unusual-parameter': 0.05,
    'error-storm': 0.1,
    'unusual-latency': 0.05,
    'new-destination': 0.05,
    'intent-mismatch': 0.02,
    // What is new in a tenant is everyday work, and a bad definition is not the fault of the session that is shown it.
    'new-server': 0.05,
    'credential-new-place': 0.15,
    'capability-creep': 0.1,
    'poisoned-description': 0.1,
    'tool-definition-changed': 0.1,
    'tool-shadowing': 0.1,
    'shadow-server': 0.1,
    equivocation: 0.1,
    // Of a PEP, not of the session whose event shows it.
    'pep-silent': 0,
    'pep-bypass': 0,
    'sequence-gap': 0,
  },
}
