/** Longest address that is come back to. */
const MAX_LENGTH = 2_000

/**
 * Where somebody wanted to go before they had to sign in: a path below the tenant's own, and nothing else. Null for
 * whatever leads, or could be read as leading, to another place.
 *
 * @param base `/t/acme`, or nothing at a host of the tenant's own
 */
export function continueTo(text: string | null, base: string): string | null {
  if (text === null || text.length > MAX_LENGTH || !text.startsWith(`${base}/`)) return null
  // Browsers read a backslash as a slash, and past blanks and control characters.
  if (/[\\\s\p{Cc}]/u.test(text)) return null
  const url = URL.parse(text, 'http://stoa.invalid')
  if (url === null || url.origin !== 'http://stoa.invalid' || url.username !== '') return null
  return url.pathname.startsWith(`${base}/`) && !url.pathname.includes('//') ? url.pathname + url.search : null
}
