import { defineConfig } from 'vitest/config'
import SlowestFirst from './test/slowest-first.ts'

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['{src,detectors,integrations,test}/**/*.test.ts'],
    reporters: ['default', './test/closing-line.ts'],
    sequence: { sequencer: SlowestFirst },
    // eventsource has a condition `source` of its own: TypeScript, which Node itself would not load.
    server: { deps: { inline: [/@modelcontextprotocol\/client/, /eventsource/] } },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 40_000,
    hookTimeout: 120_000,
  },
})
