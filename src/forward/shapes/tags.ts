/** What a tag names: a technique of MITRE ATLAS or ATT&CK, or an entry of an OWASP list. */
export interface Tags {
  /** e.g. `AML.T0086` */
  readonly atlas: readonly string[]
  /** e.g. `T1098.001` */
  readonly attack: readonly string[]
  /** e.g. `ASI01` */
  readonly agentic: readonly string[]
  /** e.g. `MCP06` */
  readonly mcp: readonly string[]
  readonly other: readonly string[]
}

/** Detectors write `AML.T0086`, Sigma rules `atlas.aml.t0086`. */
export function readTags(tags: readonly string[]): Tags {
  const read = { atlas: [], attack: [], agentic: [], mcp: [], other: [] } as { [Kind in keyof Tags]: string[] }
  for (const tag of tags) {
    const name = tag.replace(/^(atlas|attack|owasp-agentic|owasp-mcp)\./i, '').toUpperCase()
    if (/^AML\.T\d{4}(\.\d{3})?$/.test(name)) read.atlas.push(name)
    else if (/^T\d{4}(\.\d{3})?$/.test(name)) read.attack.push(name)
    else if (/^ASI\d{2}$/.test(name)) read.agentic.push(name)
    else if (/^MCP\d{2}$/.test(name)) read.mcp.push(name)
    else read.other.push(tag)
  }
  return read
}

/** Names of the techniques that Belay's own detectors and rules are tagged with (ATLAS 5.6.0). */
const TECHNIQUES: Readonly<Record<string, string>> = {
  'AML.T0010': 'AI Supply Chain Compromise',
  'AML.T0012': 'Valid Accounts',
  'AML.T0025': 'Exfiltration via Cyber Means',
  'AML.T0034.002': 'Agentic Resource Consumption',
  'AML.T0051': 'LLM Prompt Injection',
  'AML.T0051.001': 'Indirect',
  'AML.T0053': 'AI Agent Tool Invocation',
  'AML.T0073': 'Impersonation',
  'AML.T0080': 'AI Agent Context Poisoning',
  'AML.T0081': 'Modify AI Agent Configuration',
  'AML.T0083': 'Credentials from AI Agent Configuration',
  'AML.T0084.001': 'Tool Definitions',
  'AML.T0085.001': 'AI Agent Tools',
  'AML.T0086': 'Exfiltration via AI Agent Tool Invocation',
  'AML.T0098': 'AI Agent Tool Credential Harvesting',
  'AML.T0099': 'AI Agent Tool Data Poisoning',
  'AML.T0101': 'Data Destruction via AI Agent Tool Invocation',
  'AML.T0104': 'Publish Poisoned AI Agent Tool',
  'AML.T0109': 'AI Supply Chain Rug Pull',
  'AML.T0110': 'AI Agent Tool Poisoning',
}

export function techniqueName(id: string): string | undefined {
  return TECHNIQUES[id]
}
