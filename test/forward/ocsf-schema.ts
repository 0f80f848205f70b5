import { readFileSync } from 'node:fs'

interface Attribute {
  readonly type: string
  readonly requirement: 'required' | 'recommended' | 'optional'
  readonly is_array?: boolean
  readonly enum?: readonly string[]
  readonly profile?: string
}

interface Constraints {
  readonly at_least_one?: readonly string[]
  readonly just_one?: readonly string[]
}

interface Described {
  readonly constraints: Constraints
  readonly attributes: Readonly<Record<string, Attribute>>
}

interface Type {
  readonly type?: string
  readonly regex?: string
  readonly max_len?: number
  readonly range?: readonly [number, number]
}

interface Schema {
  readonly classes: Readonly<Record<string, Described & { readonly profiles: readonly string[] }>>
  readonly objects: Readonly<Record<string, Described>>
  readonly types: Readonly<Record<string, Type>>
}

type Json = Readonly<Record<string, unknown>>

const schema = JSON.parse(
  readFileSync(new URL('../../fixtures/ocsf/ocsf-1.8.0.reduced.json', import.meta.url), 'utf8'),
) as Schema

/** Profiles that the compiled schema marks attributes with although they belong to the class itself. */
const OWN = new Set(['actor', 'api'])

/** What is wrong with an OCSF event: required, unknown, enum, type and constraint, each with its path. */
export function ocsfProblems(event: Json): readonly string[] {
  const described = schema.classes[String(event.class_uid)]
  if (described === undefined) return [`class_uid: unknown class ${String(event.class_uid)}`]
  const problems: string[] = []
  const profiles = new Set((event.metadata as { readonly profiles?: readonly string[] }).profiles ?? [])
  for (const profile of profiles)
    if (!described.profiles.includes(profile)) problems.push(`profile ${profile}: not of this class`)
  if (event.type_uid !== Number(event.class_uid) * 100 + Number(event.activity_id))
    problems.push('type_uid: not class and activity')
  checkObject(event, described, '', profiles, problems)
  return problems
}

function checkObject(
  value: Json,
  { attributes, constraints }: Described,
  path: string,
  profiles: ReadonlySet<string>,
  problems: string[],
): void {
  for (const [name, attribute] of Object.entries(attributes)) {
    const isOfProfile = attribute.profile !== undefined && !OWN.has(name)
    const applies = !isOfProfile || profiles.has(attribute.profile ?? '')
    if (applies && attribute.requirement === 'required' && value[name] === undefined)
      problems.push(`${path}${name}: required`)
    if (!applies && value[name] !== undefined) problems.push(`${path}${name}: needs the profile ${attribute.profile}`)
  }
  for (const [name, one] of Object.entries(value)) {
    const attribute = Object.hasOwn(attributes, name) ? attributes[name] : undefined
    if (attribute === undefined) problems.push(`${path}${name}: unknown`)
    else checkAttribute(one, attribute, `${path}${name}`, profiles, problems)
  }
  const present = (names: readonly string[]) => names.filter((name) => value[name] !== undefined).length
  if (constraints.at_least_one && present(constraints.at_least_one) === 0)
    problems.push(`${path}: at least one of ${constraints.at_least_one.join(', ')}`)
  if (constraints.just_one && present(constraints.just_one) !== 1)
    problems.push(`${path}: just one of ${constraints.just_one.join(', ')}`)
}

function checkAttribute(
  value: unknown,
  attribute: Attribute,
  path: string,
  profiles: ReadonlySet<string>,
  problems: string[],
): void {
  if (attribute.is_array === true) {
    if (!Array.isArray(value)) problems.push(`${path}: must be an array`)
    else for (const [at, one] of value.entries()) checkOne(one, attribute, `${path}[${at}]`, profiles, problems)
  } else checkOne(value, attribute, path, profiles, problems)
}

function checkOne(
  value: unknown,
  attribute: Attribute,
  path: string,
  profiles: ReadonlySet<string>,
  problems: string[],
): void {
  const { type } = attribute
  if (attribute.enum && !attribute.enum.includes(String(value)))
    problems.push(`${path}: ${String(value)} is not in the enum`)
  if (Object.hasOwn(schema.types, type)) {
    checkType(value, type, path, problems)
    return
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${path}: must be an object`)
    return
  }
  // The generic object holds what the schema does not define.
  if (type === 'object') return
  const described = schema.objects[type]
  if (described === undefined) problems.push(`${path}: the reduced schema does not have ${type}`)
  else checkObject(value as Json, described, `${path}.`, profiles, problems)
}

function checkType(value: unknown, name: string, path: string, problems: string[]): void {
  const { type = name, regex, max_len: maxLength, range } = schema.types[name] ?? {}
  const base = schema.types[type]?.type ?? type
  const isRight =
    base === 'json_t' ||
    (base === 'string_t' && typeof value === 'string') ||
    (base === 'boolean_t' && typeof value === 'boolean') ||
    (base === 'float_t' && typeof value === 'number') ||
    ((base === 'integer_t' || base === 'long_t') && Number.isSafeInteger(value))
  if (!isRight) {
    problems.push(`${path}: must be ${name}`)
    return
  }
  if (regex !== undefined && !new RegExp(regex).test(String(value)))
    problems.push(`${path}: does not look like ${name}`)
  if (maxLength !== undefined && String(value).length > maxLength) problems.push(`${path}: longer than ${maxLength}`)
  if (range && (Number(value) < range[0] || Number(value) > range[1])) problems.push(`${path}: out of range`)
}
