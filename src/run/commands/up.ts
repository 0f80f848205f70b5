import { Command } from 'commander'
import type { Role } from '../config-schema.ts'
import type { Io } from '../io.ts'
import { port, roles } from '../options.ts'
import { detachStdin } from '../stdin.ts'

interface Options {
  readonly config?: string
  readonly data?: string
  readonly port?: number
  readonly roles?: readonly Role[]
  readonly demo?: boolean
}

export function upCommand(io: Io): Command {
  return new Command('up')
    .description('runs the pipeline; embedded unless the configuration names Kafka, ClickHouse or Redis')
    .option('--config <file>', 'configuration (YAML); without it everything is embedded')
    .option('--data <dir>', 'folder for everything embedded (default: .belay)')
    .option('--port <n>', 'port to listen on (default: 7300; 0 takes a free one)', port)
    .option('--roles <list>', 'what this process does: accept,score,learn,dispatch,forward,web (default: all)', roles)
    .option('--demo', 'learns three roles, plays a fleet with an attack in it and shows what happens')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      const { demo, ...overrides } = options
      detachStdin()
      if (demo === true) return (await import('../demo.ts')).runDemo(io, overrides)
      const { up } = await import('../up.ts')
      await up(io, overrides)
    })
}

const EXAMPLES = `
Examples:
  belay up                              embedded, on http://127.0.0.1:7300
  belay up --demo                       see a hijacked session being contained
  belay up --config belay.yaml --roles score,dispatch`
