import { isError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import { expiredOr, field, form, type Sent, sentWith, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, cookiesOf, shownAs } from './sign-in-page.ts'

const NAME_MAX = 200

/** `verify`: where the link of a registration leads. */
export function verifyPage({ registration }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { ctx, form: given, say } = visit
    const token = tokenOf(visit)
    const email = await registration.invited(ctx, token)
    const name = given.get('name')?.slice(0, NAME_MAX) ?? ''
    const body = html`${summary(say, sent)}<p>${say('completeText', { email })}</p>
${form(
  visit,
  pathTo(visit, 'verify'),
  [
    // A manager of passwords keeps the password with this.
    html`<input type="hidden" name="username" autocomplete="username" value="${email}">`,
    field(
      say,
      { id: 'name', label: 'name', type: 'text', autocomplete: 'name', value: name, maxLength: NAME_MAX },
      sent,
    ),
    field(
      say,
      { id: 'password', label: 'password', type: 'password', autocomplete: 'new-password', hint: 'passwordHint' },
      sent,
    ),
    submit(say('complete')),
  ],
  { token },
)}`
    return { kind: 'page', title: say('completeTitle'), body, ...shownAs(sent) }
  }
  return {
    path: 'verify',
    get: spentTold((visit) => show(visit, UNSENT)),
    post: spentTold(async (visit) => {
      const { ctx, form: given, locale, say, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      const name = personName(given.get('name'))
      if (name === null) return show(visit, { status: 422, flaws: [{ field: 'name', text: say('nameRequired') }] })
      try {
        const completion = { token: tokenOf(visit), name, password: given.get('password') ?? '', locale }
        const begun = await registration.complete(ctx, completion, visitor)
        return { ...arrival(visit), cookies: cookiesOf(begun) }
      } catch (error) {
        // Somebody has registered this address meanwhile, by another link.
        if (isError(error, identityErrors.person_exists)) return redirectTo(visit, 'sign-in')
        return show(visit, sentWith(say, error, { password: 'password' }))
      }
    }),
  }
}

/** The token of a link: in the address when it is opened, in the form when that is sent. */
export function tokenOf({ form: given, query }: PageVisit): string {
  return given.get('token') ?? query.get('token') ?? ''
}

/** A name as it is kept; null for none, or for more than a name. */
export function personName(text: string | null): string | null {
  const name = (text ?? '').replace(/\s+/g, ' ').trim()
  if (name === '' || [...name].length > NAME_MAX || /\p{Cc}/u.test(name) || !name.isWellFormed()) return null
  return name
}

/** Says of a link that it does not work any more, instead of failing. */
export function spentTold(handler: Page['get']): Page['get'] {
  return async (visit) => {
    try {
      return await handler(visit)
    } catch (error) {
      const { say } = visit
      if (isError(error, identityErrors.registration_closed)) {
        const body = html`<p>${say('registerClosedText', { tenant: visit.look.name })}</p>`
        return { kind: 'page', status: 403, title: say('registerClosed'), body }
      }
      if (!isError(error, identityErrors.link_spent)) throw error
      const body = html`<p>${say('linkSpentText')}</p><p><a href="/${pathTo(visit, 'sign-in').slice(1)}">${say('signIn')}</a></p>`
      return { kind: 'page', status: 410, title: say('linkSpent'), body, isError: true }
    }
  }
}
