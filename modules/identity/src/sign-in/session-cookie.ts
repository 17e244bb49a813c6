/*
 * Two cookies: who is signed in (`stoa-session`, gone with the session), and which browser this is (`stoa-device`, for
 * as long as browsers keep one). Each is a random token and nothing else. Where the public address is https, their names
 * begin with `__Host-`: such a cookie is sent over TLS alone, to this host alone, and no subdomain can plant it
 * (RFC 6265bis, 4.1.3.2). `SameSite=Lax`: a page of somebody else cannot post with them, but may lead here.
 */

/** Which cookie. */
export type CookieName = 'session' | 'device'

/** Browsers keep no cookie for longer (RFC 6265bis, 5.5). */
const DEVICE_SECONDS = 400 * 86_400
const MAX_HEADER_LENGTH = 8_192

/** Reads and writes the cookies of an installation. */
export class Cookies {
  readonly #secure: () => boolean

  /** @param secure whether the public address is https */
  constructor(secure: () => boolean) {
    this.#secure = secure
  }

  /** The value of a cookie; null when there is none. Of several, the first. */
  read(header: string | undefined, name: CookieName): string | null {
    if (header === undefined || header.length > MAX_HEADER_LENGTH) return null
    const start = `${this.#nameOf(name)}=`
    for (const part of header.split(';')) {
      const text = part.trim()
      if (text.startsWith(start)) return text.slice(start.length)
    }
    return null
  }

  /** `Set-Cookie` of a token. @param endsAt when it goes; default: with the browser's memory of this device */
  written(name: CookieName, token: string, endsAt: Date | null, now: number): string {
    const seconds = endsAt === null ? DEVICE_SECONDS : Math.max(1, Math.ceil((endsAt.getTime() - now) / 1_000))
    return `${this.#nameOf(name)}=${token}; Max-Age=${seconds}; ${this.#flags()}`
  }

  /** `Set-Cookie` that takes it away. */
  removed(name: CookieName): string {
    return `${this.#nameOf(name)}=; Max-Age=0; ${this.#flags()}`
  }

  #nameOf(name: CookieName): string {
    return this.#secure() ? `__Host-stoa-${name}` : `stoa-${name}`
  }

  #flags(): string {
    return this.#secure() ? 'Path=/; HttpOnly; SameSite=Lax; Secure' : 'Path=/; HttpOnly; SameSite=Lax'
  }
}
