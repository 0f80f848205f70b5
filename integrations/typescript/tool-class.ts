import type { ToolAnnotations } from '../../src/model/event.ts'

/** What a tool may do, from its server's word: `additive` writes but neither destroys nor reaches out. */
export type ToolClass = 'read-only' | 'additive' | 'destructive' | 'open-world'

/**
 * The operator's list goes first, the server's hints second, and no hint means the worst, as MCP's defaults do
 * (destructiveHint and openWorldHint are true where they are not said).
 */
export class ToolClasses {
  private readonly readOnly: ReadonlySet<string>

  /** names as `server/tool` or `tool` */
  constructor(readOnlyTools: readonly string[]) {
    this.readOnly = new Set(readOnlyTools)
  }

  isReadOnly(server: string, tool: string, hints: ToolAnnotations | undefined): boolean {
    return this.readOnly.has(tool) || this.readOnly.has(`${server}/${tool}`) || hints?.readOnlyHint === true
  }

  of(server: string, tool: string, hints: ToolAnnotations | undefined): readonly ToolClass[] {
    if (this.isReadOnly(server, tool, hints)) return ['read-only']
    const classes: ToolClass[] = []
    if (hints?.destructiveHint !== false) classes.push('destructive')
    if (hints?.openWorldHint !== false) classes.push('open-world')
    return classes.length > 0 ? classes : ['additive']
  }
}
