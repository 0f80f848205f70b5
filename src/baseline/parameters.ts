import { type ParameterProfile, partsOf, type Surprise, type Trait } from '../model/index.ts'
import type { ProfileDefinition, ProfileRow, Totals } from './profile.ts'

/**
 * Per tool: how often each argument is there, in which shape (type, size class, class of characters), and which traits
 * its text and the result's text had.
 */
export const parameters: ProfileDefinition<'parameters'> = {
  name: 'parameters',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, tool AS key, parameter AS subkey, count() AS n
    FROM all_events ARRAY JOIN arrayConcat(if(first_of_call, ['#'], []), parameters) AS parameter
    WHERE tool != '' GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileParameters,
}

interface Shape {
  readonly events: number
  readonly sessions: number
  readonly agents: number
}
interface KnownTool {
  calls: Shape
  readonly shapes: Map<string, Shape>
  readonly traits: Map<string, Shape>
  /** argument -> calls that had it, its commonest shape */
  readonly args: Map<string, { events: number; readonly kinds: Set<string>; usual: string; most: number }>
}

export function compileParameters(rows: readonly ProfileRow[], totals: Totals): ParameterProfile {
  const known = new Map<string, KnownTool>()
  const anywhere = traitsAnywhere(rows)
  for (const row of rows) addRow(known, row)
  const worst = (tool: string, shapes: readonly string[]) => {
    const one = known.get(tool)
    if (!one || one.calls.events === 0) return undefined
    let result: ReturnType<ParameterProfile['surprise']>
    for (const described of shapes) {
      const shape = one.shapes.get(described)
      const cut = described.indexOf('=')
      const argument = described.slice(0, cut)
      const of = one.args.get(argument)
      // Witten-Bell again: an argument that takes many shapes surprises less with one more.
      const kinds = of?.kinds.size ?? 1
      const p = (shape?.events ?? 0) + (kinds * 0.5) / (kinds + 1)
      const nats = -Math.log(Math.min(1, p / ((of?.events ?? one.calls.events) + 1)))
      if (result === undefined || nats > result.nats)
        result = {
          nats,
          sessions: shape?.sessions ?? 0,
          agents: shape?.agents ?? 0,
          argument,
          shape: described.slice(cut + 1),
          usual: of === undefined ? 'never given' : of.usual,
        }
    }
    return result
  }
  return {
    surprise: worst,
    trait(tool, trait) {
      const one = known.get(tool)
      const calls = one?.calls.events ?? 0
      const seen = one?.traits.get(trait)
      return traitSurprise(seen, calls)
    },
    traitAnywhere: (trait) => traitSurprise(anywhere.get(trait), totals.calls),
  }
}

function traitSurprise(seen: Shape | undefined, calls: number): Surprise & { readonly calls: number } {
  const nats = -Math.log(Math.min(1, ((seen?.events ?? 0) + 0.5) / (calls + 1)))
  return { nats, calls, sessions: seen?.sessions ?? 0, agents: seen?.agents ?? 0 }
}

/** Sessions of two arguments may be the same ones: the larger number is what is certain. */
function traitsAnywhere(rows: readonly ProfileRow[]): ReadonlyMap<Trait, Shape> {
  const traits = new Map<Trait, Shape>()
  for (const { subkey, events, sessions, agents } of rows) {
    if (!subkey.startsWith('!')) continue
    const { trait } = partsOf(subkey)
    const known = traits.get(trait)
    traits.set(trait, {
      events: events + (known?.events ?? 0),
      sessions: Math.max(sessions, known?.sessions ?? 0),
      agents: Math.max(agents, known?.agents ?? 0),
    })
  }
  return traits
}

function addRow(known: Map<string, KnownTool>, row: ProfileRow): void {
  let tool = known.get(row.key)
  if (!tool) {
    tool = { calls: { events: 0, sessions: 0, agents: 0 }, shapes: new Map(), traits: new Map(), args: new Map() }
    known.set(row.key, tool)
  }
  if (row.subkey === '#') {
    tool.calls = row
    return
  }
  if (row.subkey.startsWith('!')) {
    tool.traits.set(row.subkey, row)
    return
  }
  tool.shapes.set(row.subkey, row)
  const cut = row.subkey.indexOf('=')
  const argument = row.subkey.slice(0, cut)
  const shape = row.subkey.slice(cut + 1)
  const of = tool.args.get(argument) ?? { events: 0, kinds: new Set<string>(), usual: shape, most: 0 }
  of.events += row.events
  of.kinds.add(shape)
  if (row.events > of.most) {
    of.most = row.events
    of.usual = shape
  }
  tool.args.set(argument, of)
}
