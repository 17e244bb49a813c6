import { isError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { accessErrors } from '../access/access-errors.ts'
import { identityErrors } from '../errors.ts'
import type { Invited } from '../members/joining.ts'
import { expiredOr, field, form, type Sent, sentWith, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, cookiesOf, shownAs } from './sign-in-page.ts'
import { personName, tokenOf } from './verify-page.ts'

const NAME_MAX = 200

/** `invitation`: where the link of an invitation leads. Opening it uses nothing up. */
export function invitationPage({ joining }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const invited = await joining.invited(visit.ctx, tokenOf(visit))
    if (visit.session !== null) return forSignedIn(visit, visit.session.person.email, invited, sent)
    return invited.isKnown ? toSignIn(visit) : forNewcomer(visit, invited, sent)
  }
  return {
    path: 'invitation',
    get: spentTold((visit) => show(visit, UNSENT)),
    post: spentTold(async (visit) => {
      const { ctx, form: given, locale, say, session, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      const token = tokenOf(visit)
      try {
        if (session !== null) {
          await joining.join(ctx, token, session.personId)
          return arrival(visit)
        }
        const name = personName(given.get('name'))
        if (name === null) return show(visit, { status: 422, flaws: [{ field: 'name', text: say('nameRequired') }] })
        const newcomer = { token, name, password: given.get('password') ?? '', locale }
        return { ...arrival(visit), cookies: cookiesOf(await joining.begin(ctx, newcomer, visitor)) }
      } catch (error) {
        // Somebody has made an account of this address meanwhile.
        if (isError(error, identityErrors.person_exists)) return toSignIn(visit)
        if (isError(error, accessErrors.invitation_for_another)) return show(visit, { status: 403, flaws: [] })
        return show(visit, sentWith(say, error, { password: 'password' }))
      }
    }),
  }
}

/** And back: the link works as long as nobody has joined by it. */
function toSignIn(visit: PageVisit): PageAnswer {
  const next = `${visit.base}/invitation?token=${encodeURIComponent(tokenOf(visit))}`
  return redirectTo({ ...visit, next }, 'sign-in')
}

function forSignedIn(visit: PageVisit, own: string, { email }: Invited, sent: Sent): PageAnswer {
  const { look, say } = visit
  const tenant = look.name
  if (own !== email) {
    const out = form(visit, pathTo(visit, 'sign-out'), [html`<button class="plain">${say('signOut')}</button>`])
    const body = html`<p>${say('invitationForAnother', { email, own })}</p>${out}`
    return { kind: 'page', status: 403, title: say('join', { tenant }), body, isError: true }
  }
  const button = form(visit, pathTo(visit, 'invitation'), [submit(say('join', { tenant }))], { token: tokenOf(visit) })
  const body = html`${summary(say, sent)}<p>${say('joinText', { email, tenant })}</p>${button}`
  return { kind: 'page', title: say('join', { tenant }), body, ...shownAs(sent) }
}

function forNewcomer(visit: PageVisit, { email }: Invited, sent: Sent): PageAnswer {
  const { form: given, look, say } = visit
  const value = given.get('name')?.slice(0, NAME_MAX) ?? ''
  const fields = [
    // A manager of passwords keeps the password with this.
    html`<input type="hidden" name="username" autocomplete="username" value="${email}">`,
    field(say, { id: 'name', label: 'name', type: 'text', autocomplete: 'name', value, maxLength: NAME_MAX }, sent),
    field(
      say,
      { id: 'password', label: 'password', type: 'password', autocomplete: 'new-password', hint: 'passwordHint' },
      sent,
    ),
    submit(say('complete')),
  ]
  const body = html`${summary(say, sent)}<p>${say('invitationText', { email, tenant: look.name })}</p>
${form(visit, pathTo(visit, 'invitation'), fields, { token: tokenOf(visit) })}`
  return { kind: 'page', title: say('join', { tenant: look.name }), body, ...shownAs(sent) }
}

/** Says of a link that it does not work any more, instead of failing. */
function spentTold(handler: Page['get']): Page['get'] {
  return async (visit) => {
    try {
      return await handler(visit)
    } catch (error) {
      if (!isError(error, accessErrors.invitation_spent)) throw error
      const { say } = visit
      const body = html`<p>${say('invitationSpentText')}</p>`
      return { kind: 'page', status: 410, title: say('linkSpent'), body, isError: true }
    }
  }
}
