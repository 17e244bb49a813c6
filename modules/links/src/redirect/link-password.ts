/**
 * Passwords of links. What is kept is an argon2id hash (RFC 9106) with a salt of its own, as PHC text:
 *
 *   $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
 *
 * Who has said the password gets a cookie that is good for {@link COOKIE_MS}: when it ends, and a MAC of that, the link and
 * the hash. So it is good for this link alone, and a new password makes every cookie worthless. Attempts are limited per
 * link and address, and per link; and few are tried at the same time, because each takes 19 MiB and some 20 ms.
 */
import { type Argon2Parameters, argon2, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { errors, StoaError } from '@stoa/kernel'
import { callerOf, type Limiter, type Policy, retryAfterSeconds } from '@stoa/limiter'

/** OWASP's least for argon2id: 19 MiB, two passes, one lane. */
const COST = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 }
const SALT_BYTES = 16
const COOKIE_MS = 24 * 3_600_000
/** Of one address on one link, and of all addresses on it. */
const ATTEMPTS = { capacity: 10, refillPerSecond: 1 / 30 }
const ATTEMPTS_IN_ALL = { capacity: 300, refillPerSecond: 1 }
/** Hashes at the same time, and how many visitors may wait for theirs. */
const AT_ONCE = 2
const WAITING = 50

const derive = promisify(argon2) as (algorithm: 'argon2id', parameters: Argon2Parameters) => Promise<Buffer>

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
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(deps: LinkPasswordsDeps) {
    this.#deps = deps
    this.#attempts = deps.limiter.policy('links.password', ATTEMPTS)
    this.#attemptsInAll = deps.limiter.policy('links.password-in-all', ATTEMPTS_IN_ALL)
  }

  /** As it is kept. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES)
    const { memory, parallelism, passes } = COST
    const hash = await this.#derive(password, salt)
    return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`
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
    if (this.#waiting.length >= WAITING) throw new StoaError(errors.overloaded, { retryAfterSeconds: 2 })
    const [, , , , salt = '', hash = ''] = password.split('$')
    const kept = Buffer.from(hash, 'base64')
    const found = await this.#derive(given, Buffer.from(salt, 'base64'))
    return kept.length === found.length && timingSafeEqual(kept, found)
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

  async #derive(message: string, nonce: Buffer): Promise<Buffer> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      return await derive('argon2id', { ...COST, message, nonce })
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
