import type { DispatchJob } from './queue.ts'

/**
 * Identity of a job: order, revision, change and gateway. Names are percent-encoded, so that no name can look like
 * another job's key, and so that BullMQ accepts it (it refuses most ids with a colon).
 */
export function jobKey(job: Omit<DispatchJob, 'attempt'>): string {
  return [job.order.id, job.revision, job.change, job.gateway].map(encodeURIComponent).join('/')
}
