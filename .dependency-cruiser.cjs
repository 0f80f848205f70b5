/** The import directions of docs/architecture.md: data flows one way, and only run/ knows adapters. */
const stages = ['accept', 'baseline', 'detect', 'dispatch', 'forward', 'store']
const adapters = [
  '^src/accept/(kafka|http|file|otlp)\\.ts$',
  '^src/store/(clickhouse|open)\\.ts$',
  '^src/dispatch/queue/',
  '^src/dispatch/gateway/',
  '^src/dispatch/posture/',
  '^src/dispatch/approvals/',
  '^src/dispatch/verdicts/',
  '^src/forward/wires/',
]
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'model-imports-nothing',
      severity: 'error',
      from: { path: '^src/model/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^src/model/' },
    },
    ...stages.map((stage) => ({
      name: `${stage}-imports-itself-and-model`,
      severity: 'error',
      from: { path: `^src/${stage}/`, pathNot: '\\.test\\.ts$' },
      to: { path: '^(src|detectors|bench|test)/', pathNot: `^src/(${stage}|model)/` },
    })),
    {
      name: 'pipeline-knows-ports-not-adapters',
      severity: 'error',
      from: { path: '^src/pipeline\\.ts$' },
      to: { path: adapters.join('|') },
    },
    {
      name: 'web-knows-no-adapter',
      severity: 'error',
      from: { path: '^src/web/', pathNot: '\\.test\\.ts$' },
      to: { path: [...adapters, '^src/run/'].join('|') },
    },
    {
      name: 'nothing-imports-run',
      severity: 'error',
      from: { path: '^(src|detectors)/', pathNot: '^src/run/|\\.test\\.ts$' },
      to: { path: '^src/run/' },
    },
    {
      name: 'detectors-import-the-package-by-name',
      severity: 'error',
      from: { path: '^detectors/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: '^src/index\\.ts$' },
    },
    {
      name: 'a-pep-imports-itself-and-model',
      severity: 'error',
      from: { path: '^integrations/typescript/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(src|detectors|bench|test)/|node_modules', pathNot: '^src/model/' },
    },
    {
      name: 'only-run-imports-integrations',
      severity: 'error',
      from: { path: '^(src|detectors)/', pathNot: '^src/run/|\\.test\\.ts$' },
      to: { path: '^integrations/' },
    },
    {
      name: 'no-unlisted-dependency',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
    },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
  },
}
