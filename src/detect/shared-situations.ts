import type { Finding } from '../model/index.ts'

/** Situations kept by name in one generation; two generations are kept. */
const MOST = 10_000

/**
 * Which event opened a situation that sessions share. What is forgotten is told as a new one again, under the same id:
 * whoever reads findings by id loses nothing and sees nothing twice.
 */
export class SharedSituations {
  private young = new Map<string, string>()
  private old: ReadonlyMap<string, string> = this.young

  /** Whether this finding's event opens its situation; told again, it still does. */
  opens({ id, latest }: Finding): boolean {
    const event = `${latest.source}\u001f${latest.id}`
    const opener = this.young.get(id) ?? this.old.get(id)
    if (opener !== undefined) return opener === event
    if (this.young.size >= MOST) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(id, event)
    return true
  }
}
