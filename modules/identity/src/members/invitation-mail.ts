/*
 * The mail that asks somebody to join. It is confidential in the outbox: whoever may read the mail of the organisation
 * must not join as somebody else.
 */
import type { Tx } from '@stoa/db'
import { type Ctx, tenantCtx } from '@stoa/kernel'
import { html, mailTemplate } from '@stoa/mail'
import type { Columns } from '@stoa/module'
import { type Locale, localeOf, type Say, sayIn } from '../languages/index.ts'
import { inviterNamed, ownTenantName } from './invitation-store.ts'

/** What it stands on. */
export interface InvitationMailDeps {
  readonly queue: Columns['queue']
  readonly publicUrl: () => string
  /** What the tenant is called on its pages, when it says so. */
  readonly displayName: (ctx: Ctx) => Promise<string | null>
}

/** The kind of job of the room of mail. */
const SEND_MAIL = 'mail.send'
/** Of a name in a mail, in characters. */
const MAX_NAME = 100

/** Whom the mail is for. */
interface Invited {
  readonly email: string
  readonly token: string
  /** What they read, when whoever asks has said it. */
  readonly locale: Locale | undefined
}

/** Asks for the mail, in the transaction of the invitation. */
export type InvitationMail = (ctx: Ctx, tx: Tx, invited: Invited) => Promise<void>

interface Words {
  readonly say: Say
  readonly tenant: string
  /** null: nobody in particular, such as a key that belongs to nobody. */
  readonly inviter: string | null
  readonly link: string
}

const template = mailTemplate<Words>({
  subject: ({ inviter, say, tenant }) =>
    inviter === null ? say('mailInvitationSubject', { tenant }) : say('mailInvitationBySubject', { inviter, tenant }),
  text: ({ link, ...words }) => [words.say('mailGreeting'), asking(words), link, words.say('mailClosing')].join('\n\n'),
  html: ({ link, ...words }) => {
    const { say, tenant } = words
    return html`<p>${say('mailGreeting')}</p><p>${asking(words)}</p><p><a href="${link}">${say('join', { tenant })}</a></p><p>${say('mailClosing')}</p>`
  },
})

function asking({ inviter, say, tenant }: Omit<Words, 'link'>): string {
  return inviter === null ? say('mailInvitationText', { tenant }) : say('mailInvitationByText', { inviter, tenant })
}

/**
 * Makes what asks for the mail. Its language is what whoever asks has said, or theirs: never that of an account of the
 * address, because the subject is seen in the outbox, and would say that there is one.
 */
export function invitationMail({ displayName, publicUrl, queue }: InvitationMailDeps): InvitationMail {
  return async (ctx, tx, { email, locale, token }) => {
    const { actor, owner = actor } = ctx
    const inviter = owner.type === 'person' ? await tx.maybe(inviterNamed(ctx.tenant.id, owner.id)) : undefined
    const lang = locale === undefined ? '' : `&lang=${locale}`
    const { html: markup, ...words } = template({
      say: sayIn(locale ?? localeOf(inviter?.locale) ?? 'en'),
      tenant: (await displayName(ctx)) ?? (await tx.one(ownTenantName(ctx.tenant.id))).name,
      inviter: oneLine(inviter?.name ?? '') || null,
      link: `${publicUrl()}/t/${ctx.tenant.slug}/invitation?token=${token}${lang}`,
    })
    const message = { to: [email], ...words, html: String(markup), confidential: true }
    // Whoever invites need not be allowed to send mail: it is the installation's.
    const own = tenantCtx(ctx, ctx.tenant, { actor: { type: 'system', id: 'identity' }, permissions: new Set(['*']) })
    await queue.ask(own, tx, queue.definition(SEND_MAIL), message)
  }
}

/** A name that somebody gave themselves, where it stands among words of ours: no lines, and no turning of the direction. */
function oneLine(name: string): string {
  const plain = name.replace(/[\u202a-\u202e\u2066-\u2069]/gu, '').replace(/[\p{Cc}\s]+/gu, ' ')
  return plain.trim().slice(0, MAX_NAME).toWellFormed()
}
