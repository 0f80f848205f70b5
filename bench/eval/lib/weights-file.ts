import type { Weights } from '../../../src/detect/verdict.ts'

/** The text of src/detect/weights.ts: what weighs most comes first. */
export function weightsFile(weights: Weights): string {
  const entries = Object.entries(weights.detectors).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const lines = entries.map(([id, weight]) => `    ${/^[a-z]+$/.test(id) ? id : `'${id}'`}: ${weight},`)
  return `import type { Weights } from './verdict.ts'

/**
 * What a nat of each detector's calibrated surprise is worth, 0 to 1; \`default\` is for detectors that are not named.
 * Written by \`npm run eval -- train --data DIR --out src/detect\`, which says how; a person reads what it changes.
 */
export const WEIGHTS: Weights = {
  default: ${weights.default},
  detectors: {
${lines.join('\n')}
  },
}
`
}
