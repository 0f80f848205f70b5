import { defineConfig } from 'vitest/config'
import SlowestFirst from './test/slowest-first.ts'

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['{src,detectors,integrations,test}/**/*.test.ts'],
    reporters: ['default', './test/closing-line.ts'],
    sequence: { sequencer: SlowestFirst },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
