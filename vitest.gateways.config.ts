import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Belay with gateways that nobody here wrote: `npm run test:gateways`. Takes minutes and a large download. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/gateways/*.e2e.ts'],
    maxWorkers: 1,
    // The MCP SDK leans on a package whose condition `source`, which is ours, leads to TypeScript.
    server: { deps: { inline: [/@modelcontextprotocol/, /eventsource/] } },
  },
})
