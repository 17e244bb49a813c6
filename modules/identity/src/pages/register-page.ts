import { html } from '@stoa/mail'
import { expiredOr, field, form, type Sent, sentWith, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { shownAs, typed } from './sign-in-page.ts'

/** `register` */
export function registerPage({ registration, settings }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { ctx, look, say } = visit
    const tenant = look.name
    if ((await settings.of(ctx)).registration !== 'open') {
      const body = html`<p>${say('registerClosedText', { tenant })}</p><p><a href="/${pathTo(visit, 'sign-in').slice(1)}">${say('signIn')}</a></p>`
      return { kind: 'page', status: 403, title: say('registerClosed'), body }
    }
    const body = html`${summary(say, sent)}<p>${say('registerText')}</p>
${form(visit, pathTo(visit, 'register'), [
  field(say, { id: 'email', label: 'email', type: 'email', autocomplete: 'email', ...typed(visit) }, sent),
  submit(say('sendLink')),
])}
<p><a href="/${pathTo(visit, 'sign-in').slice(1)}">${say('haveAccount')}</a></p>`
    return { kind: 'page', title: say('registerAt', { tenant }), body, ...shownAs(sent) }
  }
  return {
    path: 'register',
    get: (visit) => show(visit, UNSENT),
    async post(visit) {
      const { ctx, form: given, locale, say, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT || (await settings.of(ctx)).registration !== 'open') return show(visit, expired)
      try {
        const email = await registration.request(ctx, { email: given.get('email') ?? '', locale }, visitor)
        return mailSent(visit, email)
      } catch (error) {
        return show(visit, sentWith(say, error, { email: 'email' }))
      }
    },
  }
}

/** The same for everybody who asks for a link. */
export function mailSent({ say }: PageVisit, email: string): PageAnswer {
  return { kind: 'page', title: say('mailSent'), body: html`<p>${say('mailSentText', { email })}</p>` }
}
