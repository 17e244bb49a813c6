/* Who is signed in here: in memory, so a restart signs everybody out; a real application has a table. */
import { randomBytes } from 'node:crypto'

/** What belongs to a browser: a sign-in that it has begun, or somebody who is signed in. */
export interface Session {
  readonly begun?: { readonly verifier: string; readonly state: string; readonly nonce: string }
  readonly person?: { readonly name: string; readonly email: string }
  /** Stoa's name for the session: it says so when it ends. */
  readonly sid?: string
  readonly idToken?: string
}

const NAME = 'example-server-side'
const LASTS_SECONDS = 8 * 3_600
const MAX = 10_000

/** The sessions of this application, by the value of the cookie. */
export class Sessions {
  readonly #byCookie = new Map<string, Session & { readonly endsAt: number }>()
  readonly #flags: string

  constructor(isSecure: boolean) {
    this.#flags = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${LASTS_SECONDS}${isSecure ? '; Secure' : ''}`
  }

  /** Keeps a session. Gives `Set-Cookie`. */
  begin(session: Session): string {
    const cookie = randomBytes(32).toString('base64url')
    const [oldest] = this.#byCookie.keys()
    if (this.#byCookie.size >= MAX && oldest !== undefined) this.#byCookie.delete(oldest)
    this.#byCookie.set(cookie, { ...session, endsAt: Date.now() + LASTS_SECONDS * 1_000 })
    return `${NAME}=${cookie}; ${this.#flags}`
  }

  /** The session of a request. */
  of(header: string | undefined): Session | undefined {
    const session = this.#byCookie.get(cookieIn(header))
    return session !== undefined && session.endsAt > Date.now() ? session : undefined
  }

  /** The session of a request, which is over with this. */
  take(header: string | undefined): Session | undefined {
    const session = this.of(header)
    this.#byCookie.delete(cookieIn(header))
    return session
  }

  /** Ends what belongs to a session of Stoa's. */
  end(sid: string): void {
    for (const [cookie, session] of this.#byCookie) if (session.sid === sid) this.#byCookie.delete(cookie)
  }
}

function cookieIn(header = ''): string {
  return new RegExp(`(?:^|; )${NAME}=([A-Za-z0-9_-]+)`).exec(header)?.[1] ?? ''
}
