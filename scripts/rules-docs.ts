import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadDetectors } from '../src/detect/engine.ts'
import { loadRules } from '../src/detect/sigma/load.ts'
import { rulesPage } from '../src/run/rules-page.ts'

/** Writes rules/README.md from the rules and detectors themselves; a test says when it is stale. */
const root = join(import.meta.dirname, '..')
const rules = await loadRules([join(root, 'rules')])
const detectors = await loadDetectors([join(root, 'detectors')])
writeFileSync(join(root, 'rules/README.md'), rulesPage(rules, detectors))
