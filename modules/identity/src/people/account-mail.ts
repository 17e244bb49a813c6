/*
 * Mail about accounts. A request only leaves a job behind, whatever address it names: who has an account is found out by
 * the job, so neither the answer nor its time tells.
 *
 * The message itself is asked for as every caller would, by the kind `mail.send` of the room of mail; it is confidential
 * there, because whoever may read the mail of one organisation must not get into accounts that belong to several.
 *
 * A job that runs twice mails twice; the newer link is the one that works.
 */
import type { Database, Tx } from '@stoa/db'
import { type Ctx, tenantCtx } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { defineJob, type JobDefinition } from '@stoa/queue'
import { type Static, Type } from 'typebox'
import { type AccountWords, accountWords } from './account-words.ts'
import { issueToken } from './one-time.ts'
import { personByEmail } from './person-store.ts'

/** What mail about accounts stands on. */
export interface AccountMailDeps {
  readonly db: Database
  readonly queue: Columns['queue']
  readonly publicUrl: () => string
  /** What the tenant is called on its pages. */
  readonly tenantName: (ctx: Ctx) => Promise<string>
}

/** The kind of job of the room of mail. */
const SEND_MAIL = 'mail.send'

const Kind = Type.Union([
  Type.Literal('registration'),
  Type.Literal('reset'),
  Type.Literal('email'),
  Type.Literal('email_changed'),
  Type.Literal('password_changed'),
  Type.Literal('factor_changed'),
  Type.Literal('new_device'),
  Type.Literal('erased'),
])

const Input = Type.Object(
  {
    kind: Kind,
    email: Type.String({ maxLength: 254 }),
    /** Of the words. */
    locale: Type.String({ maxLength: 35 }),
    /** Whose; for `email`, `email_changed` and others that are about somebody known. */
    personId: Type.Optional(Type.String({ format: 'uuid' })),
    /** For `new_device`. */
    device: Type.Optional(Type.String({ maxLength: 200 })),
    addressPrefix: Type.Optional(Type.String({ maxLength: 64 })),
    at: Type.Optional(Type.String({ maxLength: 40 })),
  },
  { additionalProperties: false },
)

/** What a mail is about. */
export type AccountMailInput = Static<typeof Input>

/** Mail about accounts. */
export class AccountMail {
  readonly job: JobDefinition<typeof Input>
  readonly #deps: AccountMailDeps

  constructor(deps: AccountMailDeps) {
    this.#deps = deps
    this.job = defineJob({
      name: 'identity.mail',
      description: 'Mails somebody about their account.',
      lane: 'critical',
      retries: 12,
      input: Input,
      run: (ctx, input) => this.#run(ctx, input),
    })
  }

  /** Asks for a mail, by itself. */
  async ask(ctx: Ctx, input: AccountMailInput): Promise<void> {
    await this.#deps.queue.add(ctx, this.job, input)
  }

  /** Asks for a mail, with the caller's transaction. */
  askIn(ctx: Ctx, tx: Tx, input: AccountMailInput): void {
    this.#deps.queue.enqueue(ctx, tx, this.job, input)
  }

  async #run(ctx: Ctx, input: AccountMailInput): Promise<void> {
    const words = await this.#words(ctx, input)
    if (words === null) return
    const { db, queue } = this.#deps
    const message = { to: [input.email], ...words, confidential: true, headers: { 'Auto-Submitted': 'auto-generated' } }
    // The job was asked for by anybody; the mail is the installation's.
    const own = tenantCtx(ctx, ctx.tenant, { actor: { type: 'system', id: 'identity' } })
    await db.transaction(own, async (tx) => void (await queue.ask(own, tx, queue.definition(SEND_MAIL), message)))
  }

  async #words(ctx: Ctx, input: AccountMailInput): Promise<AccountWords | null> {
    const { db, publicUrl, tenantName } = this.#deps
    const { email, kind, locale } = input
    const base = `${publicUrl()}/t/${ctx.tenant.slug}`
    const tenant = await tenantName(ctx)
    const words = (what: Parameters<typeof accountWords>[1], link: string) =>
      accountWords(locale, what, { tenant, link, ...input })
    const link = (path: string, token: string) => `${base}/${path}?token=${token}&lang=${locale}`
    return await db.system(ctx, async (tx) => {
      const person = await personByEmail(tx, email)
      if (kind === 'registration') {
        if (person) return words('registered_already', `${base}/sign-in?lang=${locale}`)
        const token = await issueToken(tx, ctx.clock, { purpose: 'registration', personId: null, email })
        return words('registration', link('verify', token))
      }
      if (kind === 'reset') {
        if (!person || person.suspendedAt !== null) return null
        const token = await issueToken(tx, ctx.clock, { purpose: 'reset', personId: person.id, email: null })
        return words('reset', link('reset', token))
      }
      if (kind === 'email') {
        // Somebody has this address already. Its owner need not be told by whom it was wanted.
        if (person || input.personId === undefined) return null
        const token = await issueToken(tx, ctx.clock, { purpose: 'email', personId: input.personId, email })
        return words('email', link('confirm-email', token))
      }
      return words(kind, kind === 'erased' ? `${base}/sign-in?lang=${locale}` : `${base}/account?lang=${locale}`)
    })
  }
}
