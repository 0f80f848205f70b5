import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Session } from 'chdb'

/**
 * ClickHouse's HTTP interface in front of the embedded engine, as far as `@clickhouse/client` uses it, so that the
 * client's own path (binary bodies, gzip, parameters, multipart, typed errors) runs against the real engine.
 * Run as a child: node clickhouse-server.ts DIRECTORY; prints its port.
 */
const directory = process.argv[2] ?? ''
// Holds the directory open; each request gets a session of its own, as each has settings of its own on a server.
const holder = new Session(directory)

/** Parameters of the protocol itself; everything else in the address is a setting. */
const PROTOCOL = new Set(['query', 'query_id', 'database', 'default_format', 'wait_end_of_query'])
const HTTP_ONLY = /^(enable_http_compression|http_|send_progress_|param_)/

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    const code = /Code: (\d+)/.exec(message)?.[1] ?? '1000'
    response.statusCode = code === '60' || code === '81' ? 404 : 500
    response.setHeader('x-clickhouse-exception-code', code)
    response.end(`${message.slice(Math.max(0, message.indexOf('Code: ')))}\n`)
  })
}).listen(0, '127.0.0.1', function (this: ReturnType<typeof createServer>) {
  const address = this.address()
  console.log(typeof address === 'object' ? address?.port : undefined)
})
process.on('SIGTERM', () => {
  holder.close()
  process.exit(0)
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  response.setHeader('x-clickhouse-query-id', url.searchParams.get('query_id') ?? randomUUID())
  if (url.pathname === '/ping') {
    response.end('Ok.\n')
    return
  }
  const body = await bodyOf(request)
  const form = formOf(request.headers['content-type'] ?? '', body)
  const session = new Session(directory)
  try {
    for (const sql of preparation(url.searchParams, form)) await session.queryAsync(sql)
    const inAddress = url.searchParams.get('query')
    const sql = form.get('query') ?? inAddress ?? body.toString()
    const values = inAddress !== null && form.size === 0 ? body : Buffer.alloc(0)
    const format = url.searchParams.get('default_format') ?? 'TabSeparated'
    const result = values.length > 0 ? await insert(session, sql, values) : await session.queryAsync(sql, { format })
    send(request, response, url, Buffer.from(result.bytes()))
  } finally {
    session.close()
  }
}

/** The engine takes no binary text, so a body goes through a file; what FORMAT names is how the file is read. */
async function insert(session: Session, sql: string, body: Buffer): ReturnType<Session['queryAsync']> {
  const file = join(directory, `${randomUUID()}.body`)
  writeFileSync(file, body)
  try {
    const format = /\sFORMAT\s+(\w+)\s*$/i.exec(sql)
    if (format === null) return await session.queryAsync(`${sql}\n${body.toString()}`)
    const [, table = '', names] = /INSERT INTO\s+(\S+)\s*(?:\(([^)]*)\))?/i.exec(sql) ?? []
    const described = await session.queryAsync(`DESCRIBE TABLE ${table}`, { format: 'JSONEachRow' })
    const types = new Map(described.text().split('\n').filter(Boolean).map(typeOfLine))
    const wanted =
      names === undefined ? [...types.keys()] : names.split(',').map((name) => name.trim().replace(/`/g, ''))
    const structure = wanted.map((name) => `\`${name}\` ${types.get(name)}`).join(', ')
    const source = `SELECT * FROM file('${file}', ${format[1]}, '${structure.replace(/'/g, "\\'")}')`
    return await session.queryAsync(`${sql.slice(0, format.index)} ${source}`)
  } finally {
    rmSync(file, { force: true })
  }
}

function typeOfLine(line: string): [string, string] {
  const { name, type } = JSON.parse(line) as { name: string; type: string }
  return [name, type]
}

function preparation(address: URLSearchParams, form: ReadonlyMap<string, string>): readonly string[] {
  const statements: string[] = []
  const database = address.get('database')
  if (database !== null && database !== 'default') statements.push(`USE \`${database}\``)
  const parameters = [...address, ...form].filter(([name]) => name.startsWith('param_'))
  const settings = [...address].filter(([name]) => !PROTOCOL.has(name) && !HTTP_ONLY.test(name))
  // readonly last: nothing can be set after it
  settings.sort(([a], [b]) => Number(a === 'readonly') - Number(b === 'readonly'))
  for (const [name, value] of [...parameters, ...settings]) {
    if (/^\w+$/.test(name)) statements.push(`SET ${name} = '${value.replace(/[\\']/g, '\\$&')}'`)
  }
  return statements
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

/** Fields of a multipart form; empty for any other body. */
function formOf(contentType: string, body: Buffer): ReadonlyMap<string, string> {
  const boundary = /boundary=(\S+)/.exec(contentType)?.[1]
  const fields = new Map<string, string>()
  if (boundary === undefined) return fields
  for (const part of body.toString().split(`--${boundary}`)) {
    const [, name, value] = /name="([^"]+)"[^\r]*\r\n(?:[^\r]+\r\n)*\r\n([\s\S]*)\r\n$/.exec(part) ?? []
    if (name !== undefined && value !== undefined) fields.set(name, value)
  }
  return fields
}

function send(request: IncomingMessage, response: ServerResponse, url: URL, result: Buffer): void {
  const gzip =
    url.searchParams.get('enable_http_compression') === '1' &&
    String(request.headers['accept-encoding'] ?? '').includes('gzip')
  if (gzip) response.setHeader('content-encoding', 'gzip')
  response.end(gzip ? gzipSync(result) : result)
}
