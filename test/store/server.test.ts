import { afterAll } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { type ClickHouseService, startClickHouse } from '../services/clickhouse.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

let service: ClickHouseService | undefined
afterAll(() => service?.stop())

storeSuite('the store on a server', async () => {
  service = await startClickHouse(temporaryDirectory())
  return openStore({ kind: 'server', url: service.url, retention: RETENTION })
})
