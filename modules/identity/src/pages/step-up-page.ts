/*
 * `step-up`: somebody who is signed in proves it again, before something sensitive: with the password, and with a code when
 * an app is set up; or with a passkey, which is worth both. The session goes on under another token, with a new time of
 * proof.
 */
import { html } from '@stoa/mail'
import { isFreshProof } from '../sign-in/fresh-proof.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import type { Proof } from '../sign-in/sessions.ts'
import { boundAt } from '../sign-in/sign-in.ts'
import { toSignIn } from './account-page.ts'
import { codeField, sentWithCode } from './factor-page.ts'
import { expiredOr, field, form, type Sent, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, passkeyOptions, passkeyPart, shownAs } from './sign-in-page.ts'

/** `step-up` */
export function stepUpPage({ factors, passkeys, sessions, signIn }: PagesDeps): Page {
  const show = async (visit: PageVisit, { personId }: LiveSessionRow, sent: Sent): Promise<PageAnswer> => {
    const { ctx, say } = visit
    const { totp } = await factors.of(ctx, personId)
    const { runs, shown } = passkeyPart(visit, 'step-up', await passkeyOptions(visit, passkeys, personId))
    const body = html`${summary(say, sent)}<p>${say('stepText')}</p>
${form(visit, pathTo(visit, 'step-up'), [
  field(say, { id: 'password', label: 'password', type: 'password', autocomplete: 'current-password' }, sent),
  totp ? codeField(visit, sent) : '',
  submit(say('continue')),
])}
${shown}<p><a href="/${pathTo({ ...visit, next: null }, 'reset').slice(1)}">${say('stepNoPassword')}</a></p>`
    return { kind: 'page', title: say('stepTitle'), body, ...shownAs(sent), runs }
  }
  const prove = async ({ ctx, form: given, visitor }: PageVisit, { person }: LiveSessionRow): Promise<Proof> => {
    const response = given.get('response')
    if (response !== null) {
      return { amr: [...(await passkeys.check(ctx, person.id, response, visitor)), 'mfa'], acr: '2' }
    }
    await signIn.confirm(ctx, person, given.get('password') ?? '', visitor)
    const { totp } = await factors.of(ctx, person.id)
    if (!totp) return { amr: ['pwd'], acr: '1' }
    return { amr: ['pwd', ...(await factors.check(ctx, person.id, given.get('code') ?? '', visitor)), 'mfa'], acr: '2' }
  }
  return {
    path: 'step-up',
    get: (visit) => (visit.session === null ? toSignIn(visit) : show(visit, visit.session, UNSENT)),
    async post(visit) {
      const { ctx, session } = visit
      if (session === null) return toSignIn(visit)
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, session, expired)
      try {
        const token = await sessions.renew(ctx, session.id, boundAt(await prove(visit, session), visit.visitor))
        return { ...arrival(visit), cookies: [{ name: 'session', token, endsAt: session.endsAt }] }
      } catch (error) {
        return show(visit, session, sentWithCode(visit, error, { current: 'password' }))
      }
    },
  }
}

/** Whether somebody has proven of late who they are, by means of their own. */
export function isFresh({ ctx, isOwnHost }: PageVisit, session: LiveSessionRow): boolean {
  // At a host of the tenant's own every session is bound to the tenant; what it was proven by says the rest.
  const own = isOwnHost && !session.amr.includes('fed') ? { ...session, boundTenantId: null } : session
  return isFreshProof(own, ctx.clock.now())
}

/** To the step-up, and back to a page. */
export function toStepUp(visit: PageVisit, page: string): PageAnswer {
  return redirectTo({ ...visit, next: `${visit.base}/${page}` }, 'step-up')
}
