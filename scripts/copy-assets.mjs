/** tsc copies code only: the SQL and JSON that modules read beside themselves, the rules and the demo's fixtures, go into dist here. */
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const ASSET = /\.(sql|json|html|css|svg)$/

for (const folder of ['src', 'detectors']) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !ASSET.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    cpSync(path, join('dist', path))
  }
}
cpSync('rules', join('dist', 'rules'), { recursive: true })
cpSync('fixtures', join('dist', 'fixtures'), { recursive: true })
