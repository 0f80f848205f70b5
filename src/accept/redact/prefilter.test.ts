import fc from 'fast-check'
import { expect, it } from 'vitest'
import { findSecrets } from './patterns.ts'
import { mayTrigger } from './prefilter.ts'

const PARTS = (
  '-----BEGIN |PRIVATE KEY|-----END|eyJhbGciOiJI|.|AKIA|ABIA|ACCA|Z2Z2Z2Z2Z2Z2Z2Z2|AIza|ya29.|ghp_|gho_|ghr_|' +
  'github_pat_|glpat-|gldt-|glrt-|xoxb-|xoxs-|xapp-|rk_live_|sk_test_|whsec_|sk-|npm_|pypi-|SG.|hf_|dop_v1_|' +
  'shpat_|shpca_|shppa_|shpss_|Bearer |bEARER |basic |BASIC |dXNlcjpwYXNz|://|:|@|=|"|\'|\\| |\t|password|PassWd|' +
  'passphrase|pwd|SECRET|token|api-key|access_key|accountKey|privatekey|authorization|Cookie|4111|1111|-|é|user|' +
  'a1b2c3d4e5f6g7h8i9'
).split('|')

it('lets every text through in which a secret is found', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.join('')
      expect(mayTrigger(text) || findSecrets(text).length === 0).toBe(true)
    }),
    { numRuns: 5_000 },
  )
})

it('holds back what texts are mostly made of', () => {
  for (const text of [
    'x'.repeat(500),
    'Where is order T-2872, asked Ada on 2026-10-26.',
    'https://stats.example/a/379',
  ])
    expect(mayTrigger(text)).toBe(false)
})
