import type { AnalyticsInput } from '../analytics/analytics.ts'
import type { Dimension, Interval } from '../analytics/analytics-store.ts'
import { queryTime } from './query-time.ts'

interface Query {
  readonly from?: string
  readonly to?: string
  readonly interval: Interval
  readonly timeZone: string
  readonly top: number
  readonly by?: readonly Dimension[]
}

/** What the query of a caller asks for. */
export function analyticsInput({ by, from, to, ...rest }: Query): AnalyticsInput {
  return { ...rest, by, from: queryTime('from', from), to: queryTime('to', to) }
}
