/**
 * Campaign parameters of a link. They are kept as the query that is added to the target, always in the same order, so that
 * two that say the same are the same text.
 */
import type { NewLink } from '../contract.ts'
import { withQuery } from './forwarded-query.ts'

/** In the order in which they are added. */
const names = ['source', 'medium', 'campaign', 'term', 'content'] as const

/** Campaign parameters as the API takes them. */
export type Utm = NonNullable<NewLink['utm']>

/** As they are kept; null when there is none. */
export function utmQuery(utm: Utm | null | undefined): string | null {
  const query = new URLSearchParams()
  for (const name of names) {
    const value = utm?.[name]?.trim()
    if (value) query.set(`utm_${name}`, value)
  }
  return query.size === 0 ? null : query.toString()
}

/** The target with the parameters, as they are kept, but for those that it has. */
export function withUtm(target: string, query: string | null): string {
  return query === null ? target : withQuery(target, Object.fromEntries(new URLSearchParams(query)))
}

/** As the API shows them. */
export function shownUtm(query: string | null): Utm | null {
  if (query === null) return null
  const given = new URLSearchParams(query)
  return Object.fromEntries(names.flatMap((name) => pair(name, given.get(`utm_${name}`))))
}

function pair(name: string, value: string | null): [string, string][] {
  return value === null ? [] : [[name, value]]
}
