import { readFileSync } from 'node:fs'
import { gunzipSync, inflateRawSync } from 'node:zlib'

/** What evaluations read of the two archive formats that data sets come in; whole in memory, files only. */

const BLOCK = 512

/** Files of a gzipped tar (POSIX ustar), by name. */
export function readTarGz(path: string): ReadonlyMap<string, Buffer> {
  const tar = gunzipSync(readFileSync(path))
  const files = new Map<string, Buffer>()
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const name = text(tar.subarray(at, at + 100))
    const size = Number.parseInt(text(tar.subarray(at + 124, at + 136)), 8)
    const from = at + BLOCK
    if (tar[at + 156] !== DIRECTORY) files.set(name, tar.subarray(from, from + size))
    at = from + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

const DIRECTORY = '5'.charCodeAt(0)

function text(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? field.length : end)
}

const END_OF_DIRECTORY = 0x06054b50
const END_LENGTH = 22
const DEFLATED = 8

/** Files of a zip (APPNOTE 4.3), stored or deflated, without zip64, by name. */
export function readZip(path: string): ReadonlyMap<string, Buffer> {
  const zip = readFileSync(path)
  let end = zip.length - END_LENGTH
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_DIRECTORY) end--
  if (end < 0) throw new Error(`${path} is not a zip file`)
  const files = new Map<string, Buffer>()
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const size = zip.readUInt32LE(at + 20)
    const nameLength = zip.readUInt16LE(at + 28)
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    const local = zip.readUInt32LE(at + 42)
    const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    const body = zip.subarray(from, from + size)
    if (!name.endsWith('/')) files.set(name, zip.readUInt16LE(at + 10) === DEFLATED ? inflateRawSync(body) : body)
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return files
}
