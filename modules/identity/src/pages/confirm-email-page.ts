import { isError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import { expiredOr, form, type Sent, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { shownAs } from './sign-in-page.ts'
import { spentTold, tokenOf } from './verify-page.ts'

/** `confirm-email`: where the link of a new address leads. */
export function confirmEmailPage({ emailChange }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { ctx, say } = visit
    const token = tokenOf(visit)
    const email = await emailChange.wanted(ctx, token)
    const body = html`${summary(say, sent)}<p>${say('confirmEmailText', { email })}</p>
${form(visit, pathTo(visit, 'confirm-email'), [submit(say('confirm'))], { token })}`
    return { kind: 'page', title: say('confirmEmail'), body, ...shownAs(sent) }
  }
  return {
    path: 'confirm-email',
    get: spentTold((visit) => show(visit, UNSENT)),
    post: spentTold(async (visit) => {
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      try {
        await emailChange.confirm(visit.ctx, tokenOf(visit), visit.visitor)
      } catch (error) {
        if (!isError(error, identityErrors.person_exists)) throw error
        // Whoever follows the link reads the mail of this address, so it is no secret to them that it is taken.
        return show(visit, { status: 409, flaws: [{ field: null, text: visit.say('mailRegisteredSubject') }] })
      }
      return redirectTo(visit, 'account', { done: 'email' })
    }),
  }
}
