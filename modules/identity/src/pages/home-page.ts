import { html } from '@stoa/mail'
import { form, submit } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'

/**
 * `home`: where somebody goes who has signed in and named no place. Members see their account; others are told that they
 * do not belong here, or may join where anybody may.
 */
export function homePage({ people, registration, settings }: PagesDeps): Page {
  const show = async (visit: PageVisit): Promise<PageAnswer> => {
    const { ctx, look, say, session } = visit
    if (session === null) return redirectTo(visit, 'sign-in')
    const tenant = look.name
    const membership = await people.membership(ctx, session.personId)
    const out = form(visit, pathTo(visit, 'sign-out'), [html`<button class="plain">${say('signOut')}</button>`])
    const { email } = session.person
    if (membership?.status === 'active') {
      if (!visit.isOwnHost) return redirectTo(visit, 'account')
      const body = html`<p>${say('accountText', { email })}</p><p><a href="${visit.home}/account">${say('account')}</a></p>${out}`
      return { kind: 'page', title: tenant, body }
    }
    if (membership) {
      const body = html`<p>${say('memberSuspendedText', { tenant })}</p>${out}`
      return { kind: 'page', status: 403, title: say('memberSuspended'), body }
    }
    const { registration: who } = await settings.of(ctx)
    if (who !== 'open') {
      const body = html`<p>${say('notMemberText', { tenant, email })}</p>${out}`
      return { kind: 'page', status: 403, title: say('notMember', { tenant }), body }
    }
    const join = form(visit, pathTo(visit, 'home'), [submit(say('join', { tenant }))])
    const body = html`<p>${say('joinText', { tenant, email })}</p>${join}${out}`
    return { kind: 'page', title: say('join', { tenant }), body }
  }
  return {
    path: 'home',
    get: show,
    async post(visit) {
      const { ctx, session } = visit
      if (session !== null && !visit.expired) await registration.join(ctx, session.personId)
      return redirectTo(visit, 'home')
    },
  }
}
