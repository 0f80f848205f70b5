import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take minutes, so that they run beside everything else instead of after it. */
const SLOW = ['/test/faults/kill.test.ts', '/test/faults/', '/test/run/', '/test/equivalence/']

export default class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = SLOW.findIndex((part) => moduleId.includes(part))
      return at < 0 ? SLOW.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
