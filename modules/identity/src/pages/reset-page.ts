import { html } from '@stoa/mail'
import { checkbox, expiredOr, field, form, type Sent, sentWith, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { mailSent } from './register-page.ts'
import { shownAs, typed } from './sign-in-page.ts'
import { spentTold, tokenOf } from './verify-page.ts'

/** `reset`: asks for a link, and is where that leads. */
export function resetPage({ recovery }: PagesDeps): Page {
  const ask = (visit: PageVisit, sent: Sent): PageAnswer => {
    const { say } = visit
    const body = html`${summary(say, sent)}<p>${say('resetText')}</p>
${form(visit, pathTo(visit, 'reset'), [
  field(say, { id: 'email', label: 'email', type: 'email', autocomplete: 'username', ...typed(visit) }, sent),
  submit(say('sendLink')),
])}
<p><a href="/${pathTo(visit, 'sign-in').slice(1)}">${say('back')}</a></p>`
    return { kind: 'page', title: say('reset'), body, ...shownAs(sent) }
  }
  const choose = async (visit: PageVisit, token: string, sent: Sent): Promise<PageAnswer> => {
    const { ctx, say } = visit
    const { email } = await recovery.owner(ctx, token)
    const body = html`${summary(say, sent)}
${form(
  visit,
  pathTo(visit, 'reset'),
  [
    html`<input type="hidden" name="username" autocomplete="username" value="${email}">`,
    field(
      say,
      { id: 'password', label: 'passwordNew', type: 'password', autocomplete: 'new-password', hint: 'passwordHint' },
      sent,
    ),
    checkbox(say, 'everywhere', 'endSessions', true),
    submit(say('save')),
  ],
  { token },
)}`
    return { kind: 'page', title: say('resetTitle'), body, ...shownAs(sent) }
  }
  const show = (visit: PageVisit, sent: Sent) => {
    const token = tokenOf(visit)
    return token === '' ? ask(visit, sent) : choose(visit, token, sent)
  }
  return {
    path: 'reset',
    get: spentTold((visit) => show(visit, UNSENT)),
    post: spentTold(async (visit) => {
      const { ctx, form: given, locale, say, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      const token = tokenOf(visit)
      try {
        if (token === '') {
          return mailSent(visit, await recovery.request(ctx, { email: given.get('email') ?? '', locale }, visitor))
        }
        const endSessions = given.get('everywhere') === 'yes'
        await recovery.reset(ctx, { token, password: given.get('password') ?? '', endSessions }, visitor)
        return redirectTo(visit, 'sign-in', { done: 'reset' })
      } catch (error) {
        return show(visit, sentWith(say, error, { email: 'email', password: 'password' }))
      }
    }),
  }
}
