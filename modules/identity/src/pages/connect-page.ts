/*
 * `connect`: an account elsewhere that nobody here has linked yet. It is linked by whoever proves their account here by
 * their own means, now; an address that both have is no proof.
 */
import { isError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import { expiredOr, form, type Sent, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, shownAs } from './sign-in-page.ts'
import { isFresh, toStepUp } from './step-up-page.ts'
import { spentTold, tokenOf } from './verify-page.ts'

/** `connect` */
export function connectPage({ linked, providers, settings }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { ctx, look, say, session, visitor } = visit
    const token = tokenOf(visit)
    const { label, providerId } = await linked.waiting(ctx, token, visitor)
    const { name: provider } = await providers.openOne(ctx, providerId)
    const names = { account: label, provider, tenant: look.name }
    if (session === null) {
      const { registration } = await settings.of(ctx)
      const back = pathTo({ ...visit, next: here(visit, token) }, 'sign-in')
      const register = html`<p><a href="/${pathTo(visit, 'register').slice(1)}">${say('noAccount')}</a></p>`
      const body = html`<p>${say('connectUnknown', names)}</p><p>${say('connectProve')}</p>
<p><a href="/${back.slice(1)}">${say('signIn')}</a></p>${registration === 'open' && register}`
      return { kind: 'page', title: say('connectTitle', names), body }
    }
    if (!isFresh(visit, session)) return toStepUp(visit, here(visit, token).slice(visit.base.length + 1))
    const body = html`${summary(say, sent)}<p>${say('connectText', { ...names, email: session.person.email })}</p>
${form(visit, pathTo(visit, 'connect'), [submit(say('connect'))], { token })}
<p><a href="/${pathTo(visit, 'account').slice(1)}">${say('cancel')}</a></p>`
    return { kind: 'page', title: say('connectTitle', names), body, ...shownAs(sent) }
  }
  return {
    path: 'connect',
    get: spentTold((visit) => show(visit, UNSENT)),
    post: spentTold(async (visit) => {
      const { ctx, next, say, session, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT || session === null || !isFresh(visit, session)) return show(visit, expired)
      try {
        await linked.link(ctx, session.person, tokenOf(visit), visitor)
      } catch (error) {
        if (!isError(error, identityErrors.account_linked_elsewhere)) throw error
        return show(visit, { status: 409, flaws: [{ field: null, text: say('linkedElsewhere') }] })
      }
      // Where the security page is at another host, the policy of this form would not let it be led to.
      const page = visit.isOwnHost ? 'home' : 'security'
      return next === null ? redirectTo(visit, page, { done: 'connected' }) : arrival(visit)
    }),
  }
}

/** This page again, with where they want to go from it. */
function here({ base, next }: PageVisit, token: string): string {
  return `${base}/connect?${new URLSearchParams({ token, ...(next !== null && { continue: next }) })}`
}
