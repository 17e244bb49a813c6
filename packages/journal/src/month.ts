/** A month in UTC, and the partition that holds its events. */
export interface Month {
  /** `events_2026_11`. */
  readonly partition: string
  readonly start: Date
  /** The first moment of the next month. */
  readonly end: Date
}

/** The month `offset` months after the one that holds `ms` (negative: before it). */
export function monthOf(ms: number, offset = 0): Month {
  const date = new Date(ms)
  const start = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1))
  const end = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1))
  const name = `events_${start.getUTCFullYear()}_${String(start.getUTCMonth() + 1).padStart(2, '0')}`
  return { partition: name, start, end }
}

/** The month that a partition of this name holds; null when the name is not a month's. */
export function monthOfPartition(name: string): Month | null {
  const [, year, month] = /^events_(\d{4})_(\d\d)$/.exec(name) ?? []
  if (year === undefined || month === undefined) return null
  return monthOf(Date.UTC(Number(year), Number(month) - 1))
}
