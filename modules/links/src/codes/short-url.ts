/**
 * The address of a code: on the tenant's host, else on the short host when there is one, with the scheme of the public address, which is known
 * once the server listens.
 */
export function shortUrls(publicUrl: () => string, shortHost: string | null): (host: string, code: string) => string {
  let known = ''
  let base = ''
  let scheme = ''
  return (host, code) => {
    const now = publicUrl()
    // A list has a hundred of them.
    if (now !== known) {
      const { origin, protocol } = new URL(now)
      base = shortHost === null ? `${origin}/l/` : `${protocol}//${shortHost}/`
      scheme = protocol
      known = now
    }
    return host === '' ? base + code : `${scheme}//${host}/${code}`
  }
}
