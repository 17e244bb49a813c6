/*
 * Passkeys (WebAuthn, level 2), checked by `@simplewebauthn/server`: signing in by the lock of a device. What is asked for is
 * always the person themselves (user verification), so a passkey is worth two factors; and always one that the device
 * finds by itself (discoverable), so nobody types an address first, and nothing says who has an account.
 *
 * A passkey belongs to the host of the public address. Where that is a bare IP address there are none: browsers refuse.
 */
import { isIP } from 'node:net'
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, isId, type Logger, newId, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { factorAdded, factorRemoved } from '../events.ts'
import type { AccountMail } from '../people/account-mail.ts'
import { heldPerson, type PersonRow, personById } from '../people/person-store.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import { asPerson, type SignIn, type SignInOutcome } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import { takeWayIn } from '../sign-in/ways-in.ts'
import type { HeldChallenge, PasskeyChallenges } from './passkey-challenge.ts'
import {
  addPasskey,
  type PasskeyRow,
  passkeyOf,
  passkeysOf,
  removePasskey,
  spendChallenge,
  usePasskey,
} from './passkey-store.ts'

/** What they stand on. */
export interface PasskeysDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly attempts: Attempts
  readonly mail: AccountMail
  readonly signIn: SignIn
  readonly challenges: PasskeyChallenges
  readonly publicUrl: () => string
}

type Owner = Pick<PersonRow, 'id' | 'email' | 'name' | 'locale'>

/** Most passkeys of one person. */
const MAX_PASSKEYS = 20
/** Most of an answer of an authenticator, in characters. */
const MAX_RESPONSE = 16_384
const TIMEOUT_MS = 300_000

/** Passkeys. */
export class Passkeys {
  readonly #deps: PasskeysDeps

  constructor(deps: PasskeysDeps) {
    this.#deps = deps
  }

  /** Whether there can be any under the public address. */
  get isPossible(): boolean {
    return isIP(this.#rpId.replace(/^\[|\]$/g, '')) === 0
  }

  get #rpId(): string {
    return new URL(this.#deps.publicUrl()).hostname
  }

  /** The passkeys of a person. */
  list(ctx: Ctx, personId: string): Promise<PasskeyRow[]> {
    return this.#deps.db.systemRead(ctx, (tx) => passkeysOf(tx, personId))
  }

  /** What a browser needs to show one of somebody's passkeys, as JSON; null: they have none. */
  async checkOptions(ctx: Ctx, personId: string, deviceToken: string): Promise<object | null> {
    const known = await this.list(ctx, personId)
    if (known.length === 0) return null
    const allowCredentials = known.map(({ credentialId: id, transports }) => ({ id, type: 'public-key', transports }))
    return { ...this.signInOptions(ctx, deviceToken), allowCredentials }
  }

  /** What a browser needs to sign in, as JSON. */
  signInOptions(ctx: Ctx, deviceToken: string): object {
    const challenge = this.#deps.challenges.make(deviceToken, ctx.clock.now())
    return { challenge, rpId: this.#rpId, userVerification: 'required', timeout: TIMEOUT_MS, allowCredentials: [] }
  }

  /** What a browser needs to make one, as JSON. */
  async creationOptions(ctx: Ctx, owner: Owner, deviceToken: string, rpName: string): Promise<object> {
    const known = await this.list(ctx, owner.id)
    return {
      challenge: this.#deps.challenges.make(deviceToken, ctx.clock.now()),
      rp: { id: this.#rpId, name: rpName },
      user: { id: Buffer.from(owner.id).toString('base64url'), name: owner.email, displayName: owner.name },
      // EdDSA, ES256, RS256 (RFC 9053).
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: 'public-key', alg })),
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      excludeCredentials: known.map(({ credentialId: id, transports }) => ({ id, type: 'public-key', transports })),
      attestation: 'none',
      timeout: TIMEOUT_MS,
    }
  }

  /** Keeps one that a browser has made. @throws StoaError `passkey_refused` */
  async add(ctx: Ctx, owner: Owner, given: { readonly name: string; readonly response: string }, visitor: Visitor) {
    const { db, journal } = this.#deps
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
    const held = { current: null as HeldChallenge | null }
    const { registrationInfo, verified } = await refusing(() =>
      verifyRegistrationResponse({ response: parsed(given.response), ...this.#expected(ctx, visitor, held) }),
    )
    if (!verified || (await this.list(ctx, owner.id)).length >= MAX_PASSKEYS) throw refused()
    const { credential, credentialBackedUp } = registrationInfo
    const own = asPerson(ctx, owner.id)
    await db.system(ctx, async (tx) => {
      await this.#spend(ctx, tx, held.current)
      const added = await addPasskey(tx, {
        ...{ id: newId(ctx.clock), personId: owner.id, credentialId: credential.id, name: given.name },
        ...{ publicKey: Buffer.from(credential.publicKey), counter: credential.counter },
        ...{ transports: (credential.transports ?? []).slice(0, 10), backedUp: credentialBackedUp },
        ...{ usedAt: null, createdAt: new Date(ctx.clock.now()) },
      })
      if (!added) throw refused()
      journal.append(own, tx, factorAdded.of({ personId: owner.id, kind: 'passkey' }, [`person:${owner.id}`]))
    })
    await this.#tell(own, owner)
  }

  /** Takes one away. Of one that is not there, nothing is changed. @throws StoaError `last_way_in` */
  async remove(ctx: Ctx, owner: Owner, id: string): Promise<void> {
    if (!isId(id)) return
    const { db, journal } = this.#deps
    const own = asPerson(ctx, owner.id)
    const removed = await db.system(ctx, async (tx) => {
      if (!(await takeWayIn(tx, owner.id, () => removePasskey(tx, owner.id, id)))) return false
      journal.append(own, tx, factorRemoved.of({ personId: owner.id, kind: 'passkey' }, [`person:${owner.id}`]))
      return true
    })
    if (removed) await this.#tell(own, owner)
  }

  /** Signs somebody in. @throws StoaError `passkey_refused`, `too_many_attempts`, `person_suspended` */
  async signIn(ctx: Ctx, response: string, visitor: Visitor): Promise<SignInOutcome> {
    const { amr, passkey, person } = await this.#shown(ctx, response, visitor, null)
    const proof = { amr: [...amr, 'mfa'], acr: '2' } as const
    return await this.#deps.signIn.proven(ctx, person, proof, visitor, (tx) => requireStill(tx, passkey))
  }

  /**
   * Whether somebody shows a passkey of theirs: in place of a code, or to prove once more who they are.
   *
   * @returns what it is called among the methods of a proof
   * @throws StoaError `passkey_refused`, `too_many_attempts`
   */
  async check(ctx: Ctx, personId: string, response: string, visitor: Visitor): Promise<readonly string[]> {
    return (await this.#shown(ctx, response, visitor, personId)).amr
  }

  /** @param of whose it has to be; null: whose it is, is said by it */
  async #shown(
    ctx: Ctx,
    response: string,
    visitor: Visitor,
    of: string | null,
  ): Promise<{ readonly person: PersonRow; readonly passkey: PasskeyRow; readonly amr: readonly string[] }> {
    const { attempts, db } = this.#deps
    const given = parsed(response) as unknown as Parameters<Verify>[0]['response']
    const account = `passkey ${given.id.slice(0, 1_400)}`
    const attempt = { kind: 'sign-in', account, device: null, ip: visitor.ip, tenantId: ctx.tenant.id } as const
    const admission = await attempts.admit(attempt)
    const row = await db.systemRead(ctx, (tx) => passkeyOf(tx, given.id))
    if (row === undefined || (of !== null && row.personId !== of)) throw refused()
    const held = { current: null as HeldChallenge | null }
    const counter = await this.#verified(ctx, row, given, visitor, held)
    const person = await db.system(ctx, async (tx) => {
      await this.#spend(ctx, tx, held.current)
      usePasskey(tx, row.id, counter, new Date(ctx.clock.now()))
      return await personById(tx, row.personId)
    })
    if (person === undefined) throw refused()
    await admission.refund()
    return { person, passkey: row, amr: [row.backedUp ? 'swk' : 'hwk'] }
  }

  /** The new counter. */
  async #verified(
    ctx: Ctx,
    { counter, credentialId: id, publicKey }: PasskeyRow,
    response: Parameters<Verify>[0]['response'],
    visitor: Visitor,
    held: { current: HeldChallenge | null },
  ): Promise<number> {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
    const credential = { id, publicKey: new Uint8Array(publicKey), counter }
    const { authenticationInfo, verified } = await refusing(() =>
      verifyAuthenticationResponse({ response, credential, ...this.#expected(ctx, visitor, held) }),
    )
    if (!verified) throw refused()
    return authenticationInfo.newCounter
  }

  #expected(ctx: Ctx, { deviceToken }: Visitor, held: { current: HeldChallenge | null }) {
    return {
      expectedChallenge: (challenge: string) => {
        held.current = this.#deps.challenges.held(challenge, deviceToken ?? '', ctx.clock.now())
        return held.current !== null
      },
      expectedOrigin: new URL(this.#deps.publicUrl()).origin,
      expectedRPID: this.#rpId,
      requireUserVerification: true,
    }
  }

  async #spend(ctx: Ctx, tx: Tx, held: HeldChallenge | null): Promise<void> {
    const isNew = held !== null && (await spendChallenge(tx, held.hash, held.expiresAt, new Date(ctx.clock.now())))
    if (!isNew) throw refused()
  }

  async #tell(own: Ctx, { email, locale }: Owner): Promise<void> {
    const { log, mail } = this.#deps
    const asked = mail.ask(own, { kind: 'factor_changed', email, locale })
    await asked.catch((err) => log.error({ err }, 'the mail about a new factor was not asked for'))
  }
}

/**
 * The passkey that was shown is still there: whoever takes it away, and signs out everywhere, leaves no session that it
 * begins meanwhile. @throws StoaError `passkey_refused`
 */
async function requireStill(tx: Tx, { credentialId, personId }: PasskeyRow): Promise<void> {
  await heldPerson(tx, personId)
  // A statement of its own: it sees what the one before has waited for.
  if ((await passkeyOf(tx, credentialId))?.personId !== personId) throw refused()
}

type Verify = typeof import('@simplewebauthn/server').verifyAuthenticationResponse

function refused(cause?: unknown): StoaError {
  return new StoaError(identityErrors.passkey_refused, { cause })
}

/** Whatever the library does not like is one refusal. */
async function refusing<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify()
  } catch (error) {
    throw refused(error)
  }
}

/** What an authenticator said, as JSON. The library looks at the rest of it. */
function parsed(
  text: string,
): Parameters<typeof import('@simplewebauthn/server').verifyRegistrationResponse>[0]['response'] {
  if (text.length > MAX_RESPONSE) throw refused()
  try {
    const value = JSON.parse(text)
    if (typeof value?.id === 'string' && typeof value.response === 'object') return value
  } catch {
    // What is no JSON is refused as well.
  }
  throw refused()
}
