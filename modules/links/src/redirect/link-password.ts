/**
 * Passwords of links. What is kept is an argon2id hash with a salt of its own: see `PasswordHasher` in @stoa/module.
 *
 * Who has said the password gets a cookie that is good for {@link COOKIE_MS}: when it ends, and a MAC of that, the link and
 * the hash. So it is good for this link alone, and a new password makes every cookie worthless. Attempts are limited per
 * link and address, and per link; and few are tried at the same time, because each takes 19 MiB and some 20 ms.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { errors, StoaError } from '@stoa/kernel'
import { callerOf, type Limiter, type Policy, retryAfterSeconds } from '@stoa/limiter'
import { PasswordHasher } from '@stoa/module'

const COOKIE_MS = 24 * 3_600_000
/** Of one address on one link, and of all addresses on it. */
const ATTEMPTS = { capacity: 10, refillPerSecond: 1 / 30 }
const ATTEMPTS_IN_ALL = { capacity: 300, refillPerSecond: 1 }
/** Hashes at the same time, and how many others may wait when a visitor says a password. */
const AT_ONCE = 2
const WAITING = 50

/** The link that is asked for. */
interface Guarded {
  readonly linkId: string
  /** As it is kept. */
  readonly password: string
}

/** What the passwords of links stand on. */
export interface LinkPasswordsDeps {
  /** For cookies alone. */
  readonly key: Buffer
  readonly limiter: Limiter
  /** Whether visitors come by TLS. */
  readonly isSecure: () => boolean
}

/** Hashes, compares, and remembers by cookies. */
export class LinkPasswords {
  readonly #deps: LinkPasswordsDeps
  readonly #attempts: Policy
  readonly #attemptsInAll: Policy
  readonly #hasher = new PasswordHasher({ atOnce: AT_ONCE })

  constructor(deps: LinkPasswordsDeps) {
    this.#deps = deps
    this.#attempts = deps.limiter.policy('links.password', ATTEMPTS)
    this.#attemptsInAll = deps.limiter.policy('links.password-in-all', ATTEMPTS_IN_ALL)
  }

  /** As it is kept. @throws StoaError `overloaded` when hundreds wait */
  hash(password: string): Promise<string> {
    return this.#hasher.hash(password)
  }

  /**
   * Whether it is the password; the attempt is counted.
   *
   * @throws StoaError `rate_limited`; `overloaded` when too many wait
   */
  async check({ linkId, password }: Guarded, given: string, address: string): Promise<boolean> {
    const own = this.#attempts.of(`${linkId} ${callerOf(address)}`)
    const answer = await this.#deps.limiter.take([own, this.#attemptsInAll.of(linkId)])
    if (!answer.allowed) {
      throw new StoaError(errors.rate_limited, { retryAfterSeconds: retryAfterSeconds(answer) ?? 1 })
    }
    if (this.#hasher.waiting >= WAITING) throw new StoaError(errors.overloaded, { retryAfterSeconds: 2 })
    const { ok } = await this.#hasher.verify(given, password)
    return ok
  }

  /** The header `Set-Cookie` for who has said the password. */
  cookie(link: Guarded, now: number): string {
    const until = Math.floor((now + COOKIE_MS) / 1_000)
    const secure = this.#deps.isSecure() ? '; Secure' : ''
    const value = `${until}.${this.#seal(link, until)}`
    return `${this.#nameOf(link)}=${value}; Path=/; Max-Age=${COOKIE_MS / 1_000}; HttpOnly; SameSite=Lax${secure}`
  }

  /** Whether the cookies of a visit have one for this link that is good. */
  remembers(link: Guarded, cookies: string | string[] | undefined, now: number): boolean {
    if (cookies === undefined) return false
    const name = `${this.#nameOf(link)}=`
    const all = typeof cookies === 'string' ? cookies : cookies.join(';')
    const value = all.split(';', 100).find((cookie) => cookie.trim().startsWith(name))
    const [until = '', seal = ''] = value?.trim().slice(name.length).split('.') ?? []
    if (!/^\d{1,12}$/.test(until) || Number(until) * 1_000 <= now) return false
    const [given, right] = [Buffer.from(seal), Buffer.from(this.#seal(link, Number(until)))]
    return given.length === right.length && timingSafeEqual(given, right)
  }

  #seal({ linkId, password }: Guarded, until: number): string {
    return createHmac('sha256', this.#deps.key).update(`${linkId}\n${password}\n${until}`).digest('base64url')
  }

  /** Other links have other names, so that visitors may know several passwords. */
  #nameOf({ linkId }: Guarded): string {
    const name = createHash('sha256').update(linkId).digest('hex').slice(0, 16)
    return `${this.#deps.isSecure() ? '__Host-' : ''}stoa-link-${name}`
  }
}
