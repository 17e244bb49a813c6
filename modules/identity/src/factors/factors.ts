/*
 * The second step: an authenticator app, and recovery codes that stand in for it when it is lost.
 *
 *   set up    a secret is made and sealed into the form that shows it; it is kept when a code of it is shown
 *   asked     at the sign-in, behind the password; and again before something sensitive (step-up)
 *   taken     each code once, the steps of time in their order; each recovery code once
 */
import { randomInt } from 'node:crypto'
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, isError, type Logger, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { factorAdded, factorRemoved } from '../events.ts'
import type { AccountMail } from '../people/account-mail.ts'
import { issueToken, peekToken, spendToken } from '../people/one-time.ts'
import { heldPerson, type PersonRow } from '../people/person-store.ts'
import { tokenHash } from '../people/secret-token.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import type { Proof } from '../sign-in/sessions.ts'
import { asPerson, type Still } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { FactorSeal } from './factor-seal.ts'
import {
  type FactorsRow,
  factorsRow,
  isKnownDevice,
  removeTotp,
  saveCodes,
  saveTotp,
  takeCode,
  takeStep,
  totpOf,
} from './factor-store.ts'
import { base32, matchingStep, newTotpSecret, otpauthUrl } from './totp.ts'

/** What it stands on. */
export interface FactorsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly attempts: Attempts
  readonly mail: AccountMail
  readonly seal: FactorSeal
}

/** An app that is being set up. */
export interface Enrolment {
  /** The secret, sealed for this person: it goes into the form and comes back with it. */
  readonly sealed: string
  /** For typing in, in groups. */
  readonly key: string
  readonly url: string
}

const CODES = 10
const CODE_LENGTH = 10
/** Without what is read as something else: 0 and O, 1 and I and L. 50 bits in ten characters. */
const CODE_LETTERS = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
const ENROLMENT_MS = 900_000

/** Second steps. */
export class Factors {
  readonly #deps: FactorsDeps

  constructor(deps: FactorsDeps) {
    this.#deps = deps
  }

  /** Which there are. */
  of(ctx: Ctx, personId: string): Promise<FactorsRow> {
    return this.#deps.db.systemRead(ctx, (tx) => factorsRow(tx, personId))
  }

  /** The token of the second step of a sign-in; null for who has not set one up. */
  async begin(ctx: Ctx, person: PersonRow, proof: Proof, still: Still): Promise<string | null> {
    const { totp } = await this.of(ctx, person.id)
    if (!totp) return null
    const { amr, boundTo = null } = proof
    const input = { purpose: 'factor', personId: person.id, email: null, data: { amr, boundTo } } as const
    return await this.#deps.db.system(ctx, async (tx) => {
      await still(tx)
      return await issueToken(tx, ctx.clock, input)
    })
  }

  /** Whose second step it is; null when it is spent, or none. */
  async whose(ctx: Ctx, token: string): Promise<string | null> {
    const read = this.#deps.db.systemRead(ctx, (tx) => peekToken(tx, ctx.clock, 'factor', token))
    return await read.then(
      ({ personId }) => personId,
      (error) => {
        if (isError(error, identityErrors.link_spent)) return null
        throw error
      },
    )
  }

  /**
   * Begins something for the person of a second step, whose proof is right; the step is used up with it. A wrong one leaves
   * it for another try. A new password takes the step back.
   *
   * @param prove checks what they show: a code ({@link check}), a passkey. Gives what it is called among the methods of a proof
   * @param begin in the transaction that uses the step up
   * @throws StoaError `link_spent`, and what `prove` throws
   */
  async complete<T>(
    ctx: Ctx,
    token: string,
    prove: (personId: string) => Promise<readonly string[]>,
    begin: (tx: Tx, person: PersonRow, proof: Proof) => Promise<T>,
  ): Promise<T> {
    const { db } = this.#deps
    const { data, personId } = await db.systemRead(ctx, (tx) => peekToken(tx, ctx.clock, 'factor', token))
    const id = personId as string
    const shown = await prove(id)
    const amr = [...(data.amr as readonly string[]), ...shown, 'mfa']
    const boundTo = data.boundTo as string | null
    return await db.system(ctx, async (tx) => {
      // Before the step: whoever sets a new password has the person first, and takes steps back then.
      const person = await heldPerson(tx, id)
      await spendToken(tx, ctx.clock, 'factor', token)
      if (person === undefined) throw new StoaError(identityErrors.link_spent)
      return await begin(tx, person, { amr, acr: '2', ...(boundTo !== null && { boundTo }) })
    })
  }

  /**
   * Takes a code of the app, or a recovery code.
   *
   * @returns what it is called among the methods of a proof
   * @throws StoaError `code_refused`, `too_many_attempts`
   */
  async check(ctx: Ctx, personId: string, code: string, visitor: Visitor): Promise<readonly string[]> {
    const { attempts, db } = this.#deps
    const hash = tokenHash(visitor.deviceToken)
    const known = hash !== null && (await db.systemRead(ctx, (tx) => isKnownDevice(tx, personId, hash)))
    const device = known ? hash : null
    const attempt = { kind: 'factor', account: personId, device, ip: visitor.ip, tenantId: ctx.tenant.id } as const
    const admission = await attempts.admit(attempt)
    const taken = await this.#take(ctx, personId, code)
    if (!taken) throw new StoaError(identityErrors.code_refused)
    await admission.refund()
    return ['otp']
  }

  async #take(ctx: Ctx, personId: string, code: string): Promise<boolean> {
    const { db, seal } = this.#deps
    return await db.system(ctx, async (tx) => {
      const totp = await totpOf(tx, personId)
      if (totp === undefined) return false
      const secret = seal.open(totp.sealedSecret, personId)
      if (secret === null)
        throw new Error('the secret of an authenticator app does not open: is STOA_SECRET another one?')
      const step = matchingStep(secret, code, ctx.clock.now(), totp.lastStep)
      if (step !== null) return await takeStep(tx, personId, step)
      const plain = plainCode(code)
      return plain !== null && (await takeCode(tx, personId, seal.codeHash(personId, plain)))
    })
  }

  /** Begins to set an app up. Nothing is kept yet. */
  enrol(ctx: Ctx, person: Pick<PersonRow, 'id' | 'email'>, issuer: string): Enrolment {
    return this.#shown(newTotpSecret(), ctx.clock.now(), person, issuer)
  }

  /** The same app again, after a wrong code. @throws StoaError `link_spent` */
  enrolAgain(ctx: Ctx, person: Pick<PersonRow, 'id' | 'email'>, issuer: string, sealed: string): Enrolment {
    const { madeAt, secret } = this.#unsealed(ctx, person.id, sealed)
    return this.#shown(secret, madeAt, person, issuer)
  }

  /**
   * Keeps an app whose code is right. Gives recovery codes, which are shown this once.
   *
   * @throws StoaError `link_spent`, `code_refused`
   */
  async confirm(ctx: Ctx, person: Pick<PersonRow, 'id' | 'email' | 'locale'>, sealed: string, code: string) {
    const { db, journal, seal } = this.#deps
    const { secret } = this.#unsealed(ctx, person.id, sealed)
    const step = matchingStep(secret, code, ctx.clock.now(), -1)
    if (step === null) throw new StoaError(identityErrors.code_refused)
    const codes = newCodes()
    const own = asPerson(ctx, person.id)
    await db.system(ctx, async (tx) => {
      const row = { sealedSecret: seal.seal(secret, person.id), lastStep: step }
      await saveTotp(tx, person.id, row, new Date(ctx.clock.now()))
      saveCodes(
        tx,
        person.id,
        codes.map((one) => seal.codeHash(person.id, plainCode(one) as string)),
      )
      journal.append(own, tx, factorAdded.of({ personId: person.id, kind: 'totp' }, [`person:${person.id}`]))
    })
    await this.#tell(own, person)
    return codes
  }

  /** New recovery codes, in the place of those that are left. They are shown this once. */
  async renewCodes(ctx: Ctx, person: Pick<PersonRow, 'id' | 'email' | 'locale'>): Promise<readonly string[]> {
    const { db, journal, seal } = this.#deps
    const codes = newCodes()
    const own = asPerson(ctx, person.id)
    await db.system(ctx, async (tx) => {
      saveCodes(
        tx,
        person.id,
        codes.map((one) => seal.codeHash(person.id, plainCode(one) as string)),
      )
      const event = factorAdded.of({ personId: person.id, kind: 'recovery_codes' }, [`person:${person.id}`])
      journal.append(own, tx, event)
    })
    await this.#tell(own, person)
    return codes
  }

  /** Takes the app and its recovery codes away. */
  async remove(ctx: Ctx, person: Pick<PersonRow, 'id' | 'email' | 'locale'>): Promise<void> {
    const { db, journal } = this.#deps
    const own = asPerson(ctx, person.id)
    const removed = await db.system(ctx, async (tx) => {
      if (!(await removeTotp(tx, person.id))) return false
      journal.append(own, tx, factorRemoved.of({ personId: person.id, kind: 'totp' }, [`person:${person.id}`]))
      return true
    })
    if (removed) await this.#tell(own, person)
  }

  #shown(secret: Buffer, madeAt: number, { email, id }: Pick<PersonRow, 'id' | 'email'>, issuer: string): Enrolment {
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(BigInt(madeAt))
    const sealed = this.#deps.seal.seal(Buffer.concat([time, secret]), `enrolment ${id}`).toString('base64url')
    const key = base32(secret).replace(/(.{4})(?=.)/g, '$1 ')
    return { sealed, key, url: otpauthUrl(secret, issuer, email) }
  }

  #unsealed(ctx: Ctx, personId: string, sealed: string): { readonly secret: Buffer; readonly madeAt: number } {
    const opened = this.#deps.seal.open(Buffer.from(sealed, 'base64url'), `enrolment ${personId}`)
    const madeAt = opened === null ? 0 : Number(opened.readBigUInt64BE(0))
    if (opened === null || ctx.clock.now() - madeAt > ENROLMENT_MS) throw new StoaError(identityErrors.link_spent)
    return { secret: opened.subarray(8), madeAt }
  }

  async #tell(own: Ctx, { email, locale }: Pick<PersonRow, 'email' | 'locale'>): Promise<void> {
    const { log, mail } = this.#deps
    const asked = mail.ask(own, { kind: 'factor_changed', email, locale })
    await asked.catch((err) => log.error({ err }, 'the mail about a new factor was not asked for'))
  }
}

function newCodes(): string[] {
  return Array.from({ length: CODES }, () => {
    const letters = Array.from({ length: CODE_LENGTH }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join('')
    return `${letters.slice(0, CODE_LENGTH / 2)}-${letters.slice(CODE_LENGTH / 2)}`
  })
}

/** A recovery code as it is hashed, however it was typed; null for what cannot be one. */
function plainCode(code: string): string | null {
  const plain = code.toUpperCase().replace(/[\s-]/g, '')
  return plain.length === CODE_LENGTH && [...plain].every((letter) => CODE_LETTERS.includes(letter)) ? plain : null
}
