import { openStore } from '../../src/store/open.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

storeSuite('the embedded store', () =>
  openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION }),
)
