export interface CheckResult {
  readonly state: 'ok' | 'warning' | 'failed'
  readonly detail: string
  /** what to do about it */
  readonly todo?: string
}

/** Looks at one part from outside. Never rejects for what is wrong with the part: that is the result. */
export interface Check {
  readonly name: string
  run(): Promise<CheckResult>
}
