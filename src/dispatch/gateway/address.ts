import type { LookupAddress, LookupOptions } from 'node:dns'
import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'

/** Ranges that are not the public internet (IANA special-purpose registries), cloud metadata addresses among them. */
const NOT_PUBLIC_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** Inside global unicast: what carries another address in it (Teredo, 6to4) or documents. */
const NOT_PUBLIC_V6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const refused = new BlockList()
for (const [net, bits] of NOT_PUBLIC_V4) refused.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of NOT_PUBLIC_V6) refused.addSubnet(net, bits, 'ipv6')
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

/** Whether an IP address (v4 or v6, without brackets) is on the public internet. Anything else is not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !refused.check(address, 'ipv4')
  // Everything outside 2000::/3 is refused: loopback, link-local, unique local, v4-mapped and v4-compatible, NAT64.
  if (family === 6) return globalUnicast.check(address, 'ipv6') && !refused.check(address, 'ipv6')
  return false
}

export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
  readonly code = 'address_refused'
}

type Callback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/**
 * Like dns.lookup, but answers only when every address of the name is public. The socket connects to what is returned
 * here, so a name that resolves to something else a moment later gains nothing.
 */
export function publicLookup(host: string, options: LookupOptions, callback: Callback): void {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, [])
    const bad = addresses.find(({ address }) => !isPublicAddress(address))
    if (bad !== undefined) return callback(refusal(host, bad.address), [])
    const [first] = addresses
    if (first === undefined) return callback(new Error(`${host} has no address`), [])
    if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

export function refusal(host: string, address: string): AddressRefusedError {
  return new AddressRefusedError(
    `${host} is ${address}, which is not a public address; set allowPrivate for this gateway if that is meant`,
  )
}
