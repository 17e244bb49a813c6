import type { Place } from './device.ts'

/** Who is at a page, as far as a request tells. */
export interface Visitor {
  readonly ip: string
  readonly place: Place
  /** The token of the browser's cookie; null when it has none. */
  readonly deviceToken: string | null
}
