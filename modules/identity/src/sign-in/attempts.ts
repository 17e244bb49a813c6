/*
 * How often somebody may try. Every try takes from several buckets at once, all or nothing, and what turns out to be
 * right is given back, so that only what is wrong counts:
 *
 *   account   tries for one address from browsers that nobody has signed in with as this person: 5 at once, 20 an hour,
 *             100 a day. So the waits grow: half a minute, three minutes, a quarter of an hour. Whether there is such an
 *             account makes no difference
 *   device    the same for one browser that somebody has signed in with before. A crowd of strangers empties the bucket of
 *             the account and not this one, so the owner is never locked out by them
 *   address   tries from one address (of IPv6, one /64), and from its network (/24, /48), for whatever accounts
 *   tenant    all tries in one tenant; all of the installation. From known devices these are not asked
 *
 * Nothing here is a lock: each bucket fills again by itself, the slowest by one in a quarter of an hour.
 *
 * The store is the one of all tries: Redis or PostgreSQL for all processes together; on PGlite, the process itself.
 */
import { hash } from 'node:crypto'
import { addressPrefix } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { type Ask, callerOf, type Limiter, type Policy, type PolicySettings, retryAfterSeconds } from '@stoa/limiter'
import { identityErrors } from '../errors.ts'

const MINUTE = 60
const HOUR = 3_600
const DAY = 86_400

/** Who tries what. */
export interface Attempt {
  /** `sign-in`, `factor`, `mail`, `device`: each has buckets of its own. */
  readonly kind: AttemptKind
  /** The account that is tried: an address in lower case, or the id of a person. */
  readonly account: string
  /** The hash of the token of a device that is known for this account; null for any other. */
  readonly device: Buffer | null
  readonly ip: string
  readonly tenantId: string
}

/** What is tried: a password, a second factor, having mail sent, or the code that a device shows. */
export type AttemptKind = 'sign-in' | 'factor' | 'mail' | 'device'

/** A try that was let through. */
export interface Admission {
  /** It was right: it does not count. */
  refund(): Promise<void>
}

const ACCOUNT: Readonly<Record<AttemptKind, readonly PolicySettings[]>> = {
  'sign-in': [per(5, 30), per(20, HOUR / 20), per(100, DAY / 100)],
  // A code of six digits is guessed by chance: 100 a day are one in ten thousand.
  factor: [per(5, 30), per(20, HOUR / 20), per(100, DAY / 100)],
  // Nobody's mailbox is filled by others.
  mail: [per(3, 5 * MINUTE), per(10, DAY / 10)],
  // Whose it is, is what is looked for.
  device: [],
}
const ADDRESS: Readonly<Record<AttemptKind, readonly PolicySettings[]>> = {
  'sign-in': [per(20, 6), per(300, DAY / 300)],
  factor: [per(20, 6), per(300, DAY / 300)],
  mail: [per(10, MINUTE), per(50, DAY / 50)],
  device: [per(20, 6), per(300, DAY / 300)],
}
const NETWORK: Readonly<Record<AttemptKind, readonly PolicySettings[]>> = {
  'sign-in': [per(100, 2)],
  factor: [per(100, 2)],
  mail: [per(40, 20)],
  device: [per(100, 2)],
}
const TENANT: PolicySettings = per(600, 0.1)
const INSTALLATION: PolicySettings = per(3_000, 0.02)

/** So many at once, and one more each so many seconds. */
function per(capacity: number, seconds: number): PolicySettings {
  return { capacity, refillPerSecond: 1 / seconds }
}

interface Layers {
  readonly account: readonly Policy[]
  readonly device: readonly Policy[]
  readonly address: readonly Policy[]
  readonly network: readonly Policy[]
}

/** Counts tries. */
export class Attempts {
  readonly #limiter: Limiter
  readonly #layers: Readonly<Record<AttemptKind, Layers>>
  readonly #tenant: Policy
  readonly #installation: Policy

  constructor(limiter: Limiter) {
    this.#limiter = limiter
    const made = (kind: AttemptKind, layer: string, limits: readonly PolicySettings[]) =>
      limits.map((limit, index) => limiter.policy(`identity.${kind}.${layer}.${index}`, limit))
    const layersOf = (kind: AttemptKind): Layers => ({
      account: made(kind, 'account', ACCOUNT[kind]),
      device: made(kind, 'device', ACCOUNT[kind]),
      address: made(kind, 'address', ADDRESS[kind]),
      network: made(kind, 'network', NETWORK[kind]),
    })
    this.#layers = {
      ...{ 'sign-in': layersOf('sign-in'), factor: layersOf('factor'), mail: layersOf('mail') },
      device: layersOf('device'),
    }
    this.#tenant = limiter.policy('identity.tenant', TENANT)
    this.#installation = limiter.policy('identity.installation', INSTALLATION)
  }

  /** Lets a try through. @throws StoaError `too_many_attempts` with the time to wait */
  async admit(attempt: Attempt): Promise<Admission> {
    const asks = this.#asksOf(attempt)
    const answer = await this.#limiter.take(asks)
    if (!answer.allowed) {
      throw new StoaError(identityErrors.too_many_attempts, {
        retryAfterSeconds: retryAfterSeconds(answer) ?? 1,
        context: { policy: answer.strictest.policy.name },
      })
    }
    return { refund: async () => void (await answer.refund()) }
  }

  #asksOf({ account, device, ip, kind, tenantId }: Attempt): Ask[] {
    const layers = this.#layers[kind]
    // Addresses of people are not to be read in the keys of a Redis.
    const whom = hash('sha256', account, 'base64url')
    if (device !== null) {
      const key = `${whom}:${device.toString('base64url')}`
      return layers.device.map((policy) => policy.of(key))
    }
    return [
      ...layers.account.map((policy) => policy.of(whom)),
      ...layers.address.map((policy) => policy.of(callerOf(ip))),
      ...layers.network.map((policy) => policy.of(addressPrefix(ip))),
      this.#tenant.of(tenantId),
      this.#installation.of('all'),
    ]
  }
}
