import type { Place } from '@stoa/kernel'

/** Who is at a page, as far as a request tells. */
export interface Visitor {
  readonly ip: string
  readonly place: Place
  /** The token of the browser's cookie; null when it has none. */
  readonly deviceToken: string | null
  /** Where the pages are that they are at: `https://stoa.example.org/t/acme`, or `https://id.acme.example`. */
  readonly address: string
  /** The one tenant that a session counts in that they begin there; null: all. */
  readonly boundTo: string | null
}
