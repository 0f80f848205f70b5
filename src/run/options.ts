import { InvalidArgumentError } from 'commander'
import { ROLES, type Role } from './config-schema.ts'

/** A whole number from 1 to 100,000. */
export function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError('a number from 1 to 100000')
  return value
}

export function port(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('a port from 0 to 65535')
  return value
}

/** `a,b` to roles of a process. */
export function roles(text: string): readonly Role[] {
  const names = text.split(',').map((name) => name.trim())
  const known = names.filter((name): name is Role => (ROLES as readonly string[]).includes(name))
  if (known.length < names.length || known.length === 0)
    throw new InvalidArgumentError(`some of ${ROLES.join(', ')}, with commas`)
  return known
}
