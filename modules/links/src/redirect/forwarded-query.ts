/** Longest target with what a visit adds to it, in characters: more would not fit into what browsers and proxies take. */
const FORWARDED_MAX = 8_000

/** The query of a visit, as it was parsed. */
export type VisitQuery = object

/** The same, as it is searched. */
export function searchOf(query: VisitQuery): URLSearchParams {
  const search = new URLSearchParams()
  for (const [name, given] of Object.entries(query) as [string, unknown][]) {
    for (const value of Array.isArray(given) ? given : [given]) search.append(name, String(value))
  }
  return search
}

/**
 * The target with the parameters of the visit, before its fragment. Those that the target has already stay as its owner
 * wrote them. A target that would become too long is left as it is.
 */
export function withQuery(target: string, query: VisitQuery): string {
  const hash = target.indexOf('#')
  const [address, fragment] = hash < 0 ? [target, ''] : [target.slice(0, hash), target.slice(hash)]
  const question = address.indexOf('?')
  const own = new URLSearchParams(question < 0 ? '' : address.slice(question + 1))
  const added = new URLSearchParams([...searchOf(query)].filter(([name]) => !own.has(name)))
  if (added.size === 0) return target
  const glue = question < 0 ? '?' : own.size === 0 ? '' : '&'
  const whole = `${address}${glue}${added}${fragment}`
  return whole.length > FORWARDED_MAX ? target : whole
}
