/*
 * The mail that asks somebody to join. It is confidential in the outbox: whoever may read the mail of the organisation
 * must not join as somebody else.
 */
import type { Tx } from '@stoa/db'
import { type Ctx, tenantCtx } from '@stoa/kernel'
import { html, mailTemplate } from '@stoa/mail'
import type { Columns } from '@stoa/module'
import { sayIn } from '../languages/index.ts'
import { ownTenantName } from './invitation-store.ts'

/** What it stands on. */
export interface InvitationMailDeps {
  readonly queue: Columns['queue']
  readonly publicUrl: () => string
  /** What the tenant is called on its pages, when it says so. */
  readonly displayName: (ctx: Ctx) => Promise<string | null>
}

/** The kind of job of the room of mail. */
const SEND_MAIL = 'mail.send'
/** Nobody knows yet what they read. */
const say = sayIn('en')

const template = mailTemplate<{ readonly tenant: string; readonly link: string }>({
  subject: ({ tenant }) => say('mailInvitationSubject', { tenant }),
  text: ({ link, tenant }) =>
    [say('mailGreeting'), say('mailInvitationText', { tenant }), link, say('mailClosing'), ''].join('\n\n').trimEnd(),
  html: ({ link, tenant }) =>
    html`<p>${say('mailGreeting')}</p><p>${say('mailInvitationText', { tenant })}</p><p><a href="${link}">${say('join', { tenant })}</a></p><p>${say('mailClosing')}</p>`,
})

/** Asks for the mail, in the transaction of the invitation. */
export function invitationMail({ displayName, publicUrl, queue }: InvitationMailDeps) {
  return async (
    ctx: Ctx,
    tx: Tx,
    { email, token }: { readonly email: string; readonly token: string },
  ): Promise<void> => {
    const link = `${publicUrl()}/t/${ctx.tenant.slug}/invitation?token=${token}`
    const tenant = (await displayName(ctx)) ?? (await tx.one(ownTenantName(ctx.tenant.id))).name
    const { html: markup, ...words } = template({ tenant, link })
    const message = { to: [email], ...words, html: String(markup), confidential: true }
    // Whoever invites need not be allowed to send mail: it is the installation's.
    const own = tenantCtx(ctx, ctx.tenant, { actor: { type: 'system', id: 'identity' }, permissions: new Set(['*']) })
    await queue.ask(own, tx, queue.definition(SEND_MAIL), message)
  }
}
