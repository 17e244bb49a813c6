import { html } from '@stoa/mail'
import { expiredOr, form, type Sent, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { shownAs } from './sign-in-page.ts'

/** `sign-out`. Asks first when it is opened by a link: a picture on somebody's page could be such a link. */
export function signOutPage({ sessions }: PagesDeps): Page {
  const show = (visit: PageVisit, sent: Sent): PageAnswer => {
    const { say } = visit
    if (visit.session === null) return redirectTo(visit, 'sign-in', { done: 'out' })
    const body = html`${summary(say, sent)}${form(visit, pathTo(visit, 'sign-out'), [submit(say('signOut'))])}`
    return { kind: 'page', title: say('signOut'), body, ...shownAs(sent) }
  }
  return {
    path: 'sign-out',
    get: (visit) => show(visit, UNSENT),
    async post(visit) {
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      const { ctx, session } = visit
      if (session !== null) {
        await sessions.endQuietly(ctx, session.personId, session.id, 'signed_out')
      }
      const cookies = [{ name: 'session', token: null, endsAt: null }] as const
      return { ...redirectTo(visit, 'sign-in', { done: 'out' }), cookies }
    },
  }
}
