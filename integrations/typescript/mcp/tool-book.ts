import type { ToolAnnotations, ToolInfo } from '../../../src/model/event.ts'
import { digestOf, sha256Hex } from '../digest.ts'
import { membersOf } from '../wire.ts'

const MAX_TOOLS = 5_000
const MAX_LISTED = 2_000
const MAX_DESCRIPTION = 8_000
const MAX_SCHEMA_CHARS = 16_000
/** of texts in one event, so that a long list stays within the size of an event */
const MAX_TEXT_CHARS = 150_000

/**
 * What servers said of their tools, so that a call carries the digests and hints of its tool. Digests are of name,
 * description and schema as the server sent them, by tool: servers list different tools to different clients.
 */
export class ToolBook {
  private readonly tools = new Map<string, ToolInfo>()

  /** A tool as a call names it, with what is known of it. */
  get(server: string, name: string): ToolInfo {
    return this.tools.get(`${server}\u001f${name}`) ?? { name }
  }

  /** Takes a result of `tools/list` and gives what its event tells. */
  learn(server: string, listed: unknown): readonly ToolInfo[] {
    if (!Array.isArray(listed)) return []
    let budget = MAX_TEXT_CHARS
    return listed.slice(0, MAX_LISTED).flatMap((value) => {
      const tool = toolOf(value)
      if (tool === undefined) return []
      this.keep(server, tool)
      const texts = textsOf(value)
      budget -= texts.chars
      return [budget < 0 ? tool : { ...tool, ...texts.texts }]
    })
  }

  private keep(server: string, tool: ToolInfo): void {
    const key = `${server}\u001f${tool.name}`
    this.tools.delete(key)
    this.tools.set(key, tool)
    const [oldest] = this.tools.keys()
    if (this.tools.size > MAX_TOOLS && oldest !== undefined) this.tools.delete(oldest)
  }
}

function toolOf(value: unknown): ToolInfo | undefined {
  const { name, description, inputSchema, annotations } = membersOf(value)
  if (typeof name !== 'string' || name === '') return undefined
  const hints = hintsOf(annotations)
  return {
    name: name.slice(0, 256),
    ...(inputSchema !== undefined && { schema_sha256: digestOf(inputSchema) }),
    ...(typeof description === 'string' && { description_sha256: sha256Hex(description) }),
    ...(hints !== undefined && { annotations: hints }),
  }
}

function textsOf(value: unknown): { readonly texts: Partial<ToolInfo>; readonly chars: number } {
  const { description, inputSchema } = membersOf(value)
  const text = typeof description === 'string' ? description.slice(0, MAX_DESCRIPTION) : undefined
  const schemaChars = inputSchema === undefined ? 0 : JSON.stringify(inputSchema).length
  const isShort = typeof inputSchema === 'object' && inputSchema !== null && schemaChars <= MAX_SCHEMA_CHARS
  return {
    texts: {
      ...(text !== undefined && { description: text }),
      ...(isShort && { input_schema: inputSchema as Readonly<Record<string, unknown>> }),
    },
    chars: (text?.length ?? 0) + (isShort ? schemaChars : 0),
  }
}

const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const

/** Only what MCP defines, and only booleans. */
function hintsOf(value: unknown): ToolAnnotations | undefined {
  const members = membersOf(value)
  const hints = HINTS.filter((hint) => typeof members[hint] === 'boolean').map((hint) => [hint, members[hint]])
  return hints.length === 0 ? undefined : (Object.fromEntries(hints) as ToolAnnotations)
}
