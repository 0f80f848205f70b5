/** Members of a JSON pointer (RFC 6901), unescaped. */
export function parsePointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export function escapePointer(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The object with what the pointer names replaced, along the path copied; the same object when it names nothing. */
export function replaceAt(root: unknown, path: readonly string[], replace: (value: unknown) => unknown): unknown {
  const [member, ...rest] = path
  if (member === undefined) return replace(root)
  if (typeof root !== 'object' || root === null || !Object.hasOwn(root, member)) return root
  const before = (root as Record<string, unknown>)[member]
  const after = replaceAt(before, rest, replace)
  if (after === before) return root
  if (Array.isArray(root)) return root.map((one, index) => (String(index) === member ? after : one))
  return { ...root, [member]: after }
}

/** Pointers of the values that differ, outermost first; the two have the same shape but for what was replaced. */
export function changedPointers(before: unknown, after: unknown, at = ''): string[] {
  if (before === after) return []
  if (!isContainer(before) || !isContainer(after) || '$redacted' in after) return [at]
  return Object.keys(after).flatMap((key) =>
    changedPointers(
      (before as Record<string, unknown>)[key],
      (after as Record<string, unknown>)[key],
      `${at}/${escapePointer(key)}`,
    ),
  )
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
