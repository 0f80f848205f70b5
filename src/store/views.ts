/** What analysts are meant to read, as they would ask for it: documented views, and all that a hunt may name. */
export const VIEWS = [
  'events',
  'signals',
  'tool_calls',
  'sessions',
  'findings',
  'finding_revisions',
  'exceptions',
  'containments',
  'containment_changes',
  'tools_seen',
  'current_baselines',
  'learnt_sessions',
  'profile_days',
  'dead_letters',
  'audit',
] as const
