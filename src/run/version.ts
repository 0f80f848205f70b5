import { readFileSync } from 'node:fs'

/** The version in package.json; from source and from dist it stands at another distance. */
export function version(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    const text = readIfThere(new URL(up, import.meta.url))
    if (text !== undefined) return (JSON.parse(text) as { readonly version: string }).version
  }
  return 'unknown'
}

function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8')
  } catch {
    // Looked for in the next place.
    return undefined
  }
}
