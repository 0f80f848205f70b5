/** The public API: what detectors, rules' helpers and tests outside this repository may lean on. */
export { type Detector, type DetectorInput, defineDetector, type Need, type Raises } from './detect/detector.ts'
export {
  type Asked,
  askedBy,
  isAsk,
  isHarmless,
  leftOpen,
  type NamedBy,
  namedBy,
  noveltyOf,
  obedienceOf,
} from './detect/provenance.ts'
export * from './model/index.ts'
