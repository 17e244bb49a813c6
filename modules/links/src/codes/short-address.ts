import { meantCode } from './readable-code.ts'
import { isCodeText } from './slug.ts'

/** What the address of a short link names. */
export interface ShortAddress {
  /** A host that is not the installation's own, without a port; null: its own. */
  readonly host: string | null
  /** The codes that may be meant, the likeliest first; none: it can be no address of a link. */
  readonly codes: readonly string[]
}

/**
 * Reads an address as people hand it on: with a scheme or without, with a query, or the code alone, which is one of the
 * installation's own hosts.
 *
 * @param isOwnHost whether a host, without a port, is the installation's own
 */
export function shortAddress(text: string, isOwnHost: (host: string) => boolean): ShortAddress {
  const address = text.trim()
  const bare = address.replace(/^\/?(l\/)?/, '')
  if (isCodeText(bare)) return { host: null, codes: meantBy(bare) }
  const url = URL.parse(address.includes('://') ? address : `https://${address}`)
  if (url === null) return { host: null, codes: [] }
  const host = url.hostname.replace(/\.$/, '')
  const isOwn = isOwnHost(host)
  const path = decoded(url.pathname).replace(isOwn ? /^\/(l\/)?/ : /^\//, '')
  return { host: isOwn ? null : host, codes: meantBy(path) }
}

function meantBy(code: string): string[] {
  if (!isCodeText(code)) return []
  const meant = meantCode(code)
  return meant === null ? [code] : [code, meant]
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}
