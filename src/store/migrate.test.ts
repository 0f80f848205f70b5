import { expect, test } from 'vitest'
import { migrate, readMigrations, splitStatements, unsafeToRepeat } from './migrate.ts'

test('cuts at semicolons that end a statement, not at those in strings, names and comments', () => {
  const sql = `-- first; note
CREATE TABLE a (x String COMMENT 'it''s; here \\'; too');
/* between; */
CREATE TABLE b (\`odd;name\` String) -- end; of line
;
-- nothing after this;
`
  expect(splitStatements(sql)).toEqual([
    `-- first; note\nCREATE TABLE a (x String COMMENT 'it''s; here \\'; too')`,
    `/* between; */\nCREATE TABLE b (\`odd;name\` String) -- end; of line`,
  ])
})

test('every migration has its own number and only statements that may run twice', () => {
  const migrations = readMigrations()
  expect(migrations.length).toBeGreaterThan(0)
  expect(new Set(migrations.map(({ version }) => version)).size).toBe(migrations.length)
  expect(migrations.flatMap(unsafeToRepeat)).toEqual([])
})

test('runs what is missing, in order, and records each when its last statement succeeded', async () => {
  const ran: string[] = []
  const runner = {
    command: async (sql: string) => {
      ran.push(sql)
      if (sql === 'fails') throw new Error('refused')
    },
    query: async <Row>() => [{ version: 1 } as Row],
  }
  const migrations = [
    { version: 1, name: '0001_old.sql', statements: ['old'] },
    { version: 2, name: '0002_new.sql', statements: ['one', 'two'] },
    { version: 3, name: '0003_bad.sql', statements: ['three', 'fails'] },
  ]
  await expect(migrate(runner, migrations)).rejects.toThrow('refused')
  expect(ran.slice(1)).toEqual([
    'one',
    'two',
    `INSERT INTO schema_versions (version, name) VALUES (2, '0002_new.sql')`,
    'three',
    'fails',
  ])
})
