/*
 * Passwords, hashed by Argon2id (RFC 9106) as it is in Node: off the event loop, in its helper threads.
 *
 *   parameters   OWASP's least for Argon2id: 19 MiB, 2 passes, 1 lane. About 20 ms of a core here; more memory would be better for
 *                an attacker's cost and worse for ours, who pay it for every guess that comes in
 *   pepper       a secret of the installation that goes into each hash: a stolen table alone gives nothing to guess at
 *   kept as      $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>, so that a password can outlive the parameters: `stale`
 *                says that it is to be hashed anew
 *   at once      a few; the rest waits in line, and beyond a length of it is told to come back. Node has four such threads
 *                for files and names too
 *   nobody       who has no account, or no password, costs the same work: a hash that nothing matches
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { errors, StoaError } from '@stoa/kernel'

const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const SALT_BYTES = 16
const HASH_BYTES = 32
/** About ten seconds of work. */
const MAX_WAITING = 500

/** Whether a password is the one, and whether its hash is to be made anew. */
export interface Verdict {
  readonly ok: boolean
  readonly stale: boolean
}

interface Parts {
  readonly memory: number
  readonly passes: number
  readonly lanes: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** How passwords are hashed. */
export interface PasswordHasherOptions {
  /** A secret of this installation, 32 bytes. Default: none; then a hash is good wherever it is brought. */
  readonly pepper?: Buffer
  /** How many are hashed at the same time, each in 19 MiB. */
  readonly atOnce: number
  /** How many wait for their turn; who comes then is refused. Default 500. */
  readonly maxWaiting?: number
}

/** Hashes and checks passwords. */
export class PasswordHasher {
  readonly #pepper: Buffer | undefined
  readonly #atOnce: number
  readonly #maxWaiting: number
  /** Nobody's: as long as a real one, and the hash of nothing. */
  readonly #nobody: Parts = {
    ...{ memory: MEMORY_KIB, passes: PASSES, lanes: LANES },
    salt: randomBytes(SALT_BYTES),
    hash: randomBytes(HASH_BYTES),
  }
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor({ atOnce, maxWaiting = MAX_WAITING, pepper }: PasswordHasherOptions) {
    this.#pepper = pepper
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** The hash of a password, as it is kept. @throws StoaError `overloaded` */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES)
    const parts = { memory: MEMORY_KIB, passes: PASSES, lanes: LANES, salt }
    const hash = await this.#derive(password, { ...parts, hash: Buffer.alloc(HASH_BYTES) })
    return written({ ...parts, hash })
  }

  /**
   * Whether this is the password of a hash. For null, of nobody, it takes as long and is never.
   *
   * @throws StoaError `overloaded`
   */
  async verify(password: string, kept: string | null): Promise<Verdict> {
    const parts = (kept === null ? null : read(kept)) ?? this.#nobody
    const hash = await this.#derive(password, parts)
    const ok = timingSafeEqual(hash, parts.hash) && parts !== this.#nobody
    return { ok, stale: parts.memory !== MEMORY_KIB || parts.passes !== PASSES || parts.lanes !== LANES }
  }

  async #derive(password: string, { hash, lanes, memory, passes, salt }: Parts): Promise<Buffer> {
    await this.#turn()
    try {
      return await derived({
        ...{ message: password, nonce: salt, parallelism: lanes, memory, passes },
        tagLength: hash.length,
        ...(this.#pepper && { secret: this.#pepper }),
      })
    } finally {
      const next = this.#waiting.shift()
      // The place is handed on: whoever comes at this moment does not slip in before who has waited.
      if (next) next()
      else this.#running -= 1
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new StoaError(errors.overloaded, { context: { reason: 'password_hashes' }, retryAfterSeconds: 5 })
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running += 1
  }
}

function derived(parameters: Parameters<typeof argon2>[1]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

function written({ hash, lanes, memory, passes, salt }: Parts): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${lanes}$${bare(salt)}$${bare(hash)}`
}

function bare(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

const KEPT = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,100})\$([A-Za-z0-9+/]{22,100})$/

function read(kept: string): Parts | null {
  const [, memory, passes, lanes, salt = '', hash = ''] = KEPT.exec(kept) ?? []
  if (memory === undefined) return null
  return {
    ...{ memory: Number(memory), passes: Number(passes), lanes: Number(lanes) },
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  }
}
