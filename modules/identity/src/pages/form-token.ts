import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * What a form must bring back to be taken: an HMAC of the browser's cookie and of who is signed in with it. A page of
 * somebody else can post here, but does not know it; so nobody is signed in, signed out or changed by a page that they
 * only look at (CSRF, also of the sign-in itself).
 */
export class FormTokens {
  readonly #key: Buffer

  /** @param key a secret of this installation, 32 bytes */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** The token of a browser. @param sessionId of who is signed in; null for nobody */
  of(deviceToken: string, sessionId: string | null): string {
    return createHmac('sha256', this.#key)
      .update(`${deviceToken}.${sessionId ?? ''}`)
      .digest('base64url')
  }

  /** Whether this is the token of the browser. */
  holds(token: string | null, deviceToken: string, sessionId: string | null): boolean {
    const expected = Buffer.from(this.of(deviceToken, sessionId))
    const given = Buffer.from(token ?? '')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
}
