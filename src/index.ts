/** The public API: what detectors, rules' helpers and tests outside this repository may lean on. */
export { type Detector, type DetectorInput, defineDetector, type Need, type Raises } from './detect/detector.ts'
export * from './model/index.ts'
