import { isError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import { expiredOr, field, form, type Sent, sentWith, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, cookiesOf, passkeyOptions, passkeyPart, shownAs } from './sign-in-page.ts'
import { spentTold } from './verify-page.ts'

/** `factor`: the second step of a sign-in, by a code or a passkey. */
export function factorPage({ factors, passkeys, signIn }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { say } = visit
    const hidden = { step: stepOf(visit) }
    const options = await passkeyOptions(visit, passkeys, await factors.whose(visit.ctx, hidden.step))
    const { runs, shown } = passkeyPart(visit, 'factor', options, hidden)
    const body = html`${summary(say, sent)}<p>${say('factorText')}</p>
${form(visit, pathTo(visit, 'factor'), [codeField(visit, sent), submit(say('verify'))], hidden)}
${shown}<p><a href="/${pathTo(visit, 'sign-in').slice(1)}">${say('cancel')}</a></p>`
    return { kind: 'page', title: say('factorTitle'), body, ...shownAs(sent), runs }
  }
  return {
    path: 'factor',
    get: (visit) => show(visit, UNSENT),
    post: spentTold(async (visit) => {
      const { ctx, form: given, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      try {
        const response = given.get('response')
        const begun = await factors.complete(
          ctx,
          stepOf(visit),
          (id) =>
            response === null
              ? factors.check(ctx, id, given.get('code') ?? '', visitor)
              : passkeys.check(ctx, id, response, visitor),
          (tx, person, proof) => signIn.begin(ctx, tx, person, proof, visitor),
        )
        return { ...arrival(visit), cookies: cookiesOf(await begun()) }
      } catch (error) {
        return show(visit, sentWithCode(visit, error))
      }
    }),
  }
}

function stepOf({ form: given, query }: PageVisit): string {
  return given.get('step') ?? query.get('step') ?? ''
}

/** Where a code is typed. */
export function codeField({ say }: PageVisit, sent: Sent) {
  // No digits alone: a recovery code has letters.
  return field(say, { id: 'code', label: 'code', type: 'text', autocomplete: 'one-time-code', maxLength: 40 }, sent)
}

/** As {@link sentWith}, with what can be wrong with a code. */
export function sentWithCode({ say }: PageVisit, error: unknown, fields: Parameters<typeof sentWith>[2] = {}): Sent {
  if (isError(error, identityErrors.code_refused)) {
    return { status: 422, flaws: [{ field: 'code', text: say('codeWrong') }] }
  }
  return sentWith(say, error, fields)
}
