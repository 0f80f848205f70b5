import { type Concern, defineDetector, type Namesake, type Reason, type Sighted } from 'belay'

/** share of words in common from which one description is a copy of the other */
const COPIED = 0.6
/** a copy of a short description says little */
const SHORTEST_COPY = 24

export default defineDetector({
  id: 'tool-shadowing',
  title: "Tool that stands in another server's light",
  description:
    "A new tool passes for a known one of another server (a copy of its description, look-alike letters, one letter off), or its description gives orders about another server's tools.",
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['AML.T0110', 'AML.T0104', 'ASI04', 'ASI02', 'MCP03', 'MCP09'],
  knownGaps: [
    'The same everyday name (`search`) with a description of its own is taken for an honest coincidence.',
    'A tool that passes for one of a server that this tenant never used.',
    'Orders about tools that the description does not name.',
  ],
  runbook: [
    'Which of the two did the agents call since the new one appeared, and with what?',
    'Ask who connected the new server, and whether its publisher is the one of the tool it resembles.',
    'Quarantine the new tool until that is clear.',
  ],
  detect({ fleet }) {
    if (!fleet.isVouched) return undefined
    let strength = 0
    const reasons: Reason[] = []
    for (const sighted of fleet.sightings) {
      if (sighted.novelty === 'returned') continue
      const found = impostor(sighted) ?? meddler(sighted)
      if (found === undefined) continue
      strength = Math.max(strength, found.nats)
      reasons.push(found.reason)
    }
    return strength === 0 ? undefined : { strength, reasons }
  },
})

interface Found {
  readonly nats: number
  readonly reason: Reason
}

function impostor({ novelty, passport, version, namesakes }: Sighted): Found | undefined {
  if (novelty !== 'first' || version.isLearnt) return undefined
  const length = version.description?.length ?? 0
  const like = namesakes.find((one) => one.isLearnt && passes(one, length))
  if (like === undefined) return undefined
  const how = like.likeness === 'same' ? 'has the same name' : `has a ${like.likeness} name`
  const copy = like.alike === undefined ? '' : `, ${Math.round(like.alike * 100)} % of the words of its description`
  return {
    nats: 6,
    reason: {
      what: `\`${passport.tool}\` of server ${passport.server}`,
      observed: `${how} as \`${like.tool}\` of server ${like.server}${copy}`,
      expected: 'a tool of its own',
    },
  }
}

/** Honest namesakes do other things: the same name counts with a copied description only, look-alike letters always. */
function passes({ likeness, alike }: Namesake, length: number): boolean {
  if (likeness === 'confusable') return true
  return alike !== undefined && alike >= COPIED && length >= SHORTEST_COPY
}

function meddler({ passport, version }: Sighted): Found | undefined {
  const order = version.concerns.find(({ kind, nats }) => kind === 'other-tool' && nats >= 5)
  const nudge = version.concerns.find(({ kind }) => kind === 'other-tool')
  const preference = version.concerns.find(({ kind }) => kind === 'preference' || kind === 'tampering')
  const found: Concern | undefined = order ?? (nudge !== undefined && preference !== undefined ? preference : undefined)
  if (found === undefined) return undefined
  return {
    nats: 5,
    reason: {
      what: `\`${passport.tool}\` of server ${passport.server}`,
      observed: `speaks of another server's tool: "${found.quote}"`,
      expected: 'a description of its own work',
    },
  }
}
