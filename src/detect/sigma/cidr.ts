/** IP addresses as bytes, and networks in CIDR notation (RFC 4632, RFC 4291). */

export interface Network {
  readonly version: 4 | 6
  readonly network: readonly number[]
  readonly prefixBits: number
}

/** Bytes of an address: 4 for IPv4, 16 for IPv6. No zone, no leading zeros in IPv4, as RFC 6943 advises. */
export function parseIp(text: string): readonly number[] | undefined {
  if (text.length > 45) return undefined
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes: number[] = []
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined
    const byte = Number(part)
    if (byte > 255) return undefined
    bytes.push(byte)
  }
  return bytes
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0] ?? '')
  const tail = parseGroups(halves[1] ?? '')
  if (!head || !tail) return undefined
  if (halves.length === 1) return head.length === 16 ? head : undefined
  const missing = 16 - head.length - tail.length
  return missing >= 2 ? [...head, ...Array<number>(missing).fill(0), ...tail] : undefined
}

/** Groups of four hex digits, the last one possibly an IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (index === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group)
      if (!ipv4) return undefined
      bytes.push(...ipv4)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    }
  }
  return bytes
}

/** `10.0.0.0/8`, `2001:db8::/32`; an address alone is a network of one. Host bits are cleared. */
export function parseCidr(text: string): Network | undefined {
  const [address = '', prefix, ...rest] = text.split('/')
  const bytes = parseIp(address)
  if (!bytes || rest.length > 0) return undefined
  const bits = bytes.length * 8
  if (prefix !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(prefix)) return undefined
  const prefixBits = prefix === undefined ? bits : Number(prefix)
  if (prefixBits > bits) return undefined
  const network = bytes.map((byte, index) => byte & maskByte(prefixBits, index))
  return { version: bytes.length === 4 ? 4 : 6, network, prefixBits }
}

export function inNetwork(address: readonly number[], { network, prefixBits }: Network): boolean {
  if (address.length !== network.length) return false
  for (let index = 0; index * 8 < prefixBits; index++)
    if (((address[index] ?? 0) & maskByte(prefixBits, index)) !== network[index]) return false
  return true
}

function maskByte(prefixBits: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixBits - index * 8))
  return (0xff << (8 - bits)) & 0xff
}
