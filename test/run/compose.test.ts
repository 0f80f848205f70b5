import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig, refuseOpenListener } from '../../src/run/config.ts'

interface Service {
  readonly image?: string
  readonly build?: string
  readonly environment?: Readonly<Record<string, string | number>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: unknown
  readonly restart?: string
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly command?: readonly string[]
}

// There may be no Docker where the tests run, so the files are held against each other.
const compose = parse(readFileSync('docker-compose.yml', 'utf8')) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}
const services = Object.entries(compose.services)
const given = compose.services.belay?.environment ?? {}
const settings = loadConfig('docker/belay.yaml', Object.fromEntries(Object.keys(given).map((name) => [name, 'x'])))

test("the compose file gives Belay's configuration every secret it refers to", () => {
  expect(() => refuseOpenListener(settings.config)).not.toThrow()
  expect(settings.config.kafka?.brokers).toEqual(['kafka:19092'])
})

test('the hosts that the configuration names are services', () => {
  const { kafka, clickhouse, redis } = settings.config
  const hosts = [kafka?.brokers[0]?.split(':')[0], clickhouse?.url, redis?.url].map((url) =>
    url?.includes('//') ? new URL(url).hostname : url,
  )
  for (const host of hosts) expect(Object.keys(compose.services)).toContain(host)
})

test('no password has a default', () => {
  const secrets = services.flatMap(([name, { environment = {} }]) =>
    Object.entries(environment).flatMap(([key, value]) =>
      /PASSWORD|TOKEN|KEY$/.test(key) ? [`${name} ${value}`] : [],
    ),
  )
  expect(secrets.length).toBeGreaterThan(0)
  expect(secrets.filter((secret) => !/^\w+ \$\{\w+:\?.+\}$/.test(secret))).toEqual([])
})

test('ports are bound to this machine, volumes are declared, images have a version', () => {
  const ports = services.flatMap(([, service]) => service.ports ?? [])
  expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([])
  const volumes = services.flatMap(([, service]) => service.volumes ?? []).filter((volume) => !volume.startsWith('./'))
  for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0])
  const images = services.flatMap(([, { image }]) => image ?? [])
  expect(images.filter((image) => !/:\d+(\.\d+)+(-\w+)?$/.test(image))).toEqual([])
})

test('a service waits for services that exist', () => {
  const awaited = services.flatMap(([, service]) => Object.keys(service.depends_on ?? {}))
  expect(awaited.filter((name) => compose.services[name] === undefined)).toEqual([])
})

test('the topics that are created are the ones that are read and written', () => {
  const command = compose.services.topics?.command?.join('\n') ?? ''
  for (const topic of Object.values(settings.config.kafka?.topics ?? {})) expect(command).toContain(`create ${topic} `)
})

test('services that run on have a health check; Belay brings its own in the image', () => {
  const running = services.filter(([, service]) => service.restart !== undefined && service.build === undefined)
  expect(running.flatMap(([name, service]) => (service.healthcheck === undefined ? [name] : []))).toEqual([])
  expect(readFileSync('Dockerfile', 'utf8')).toContain('HEALTHCHECK')
})
