/* `personal-data`: what is kept about somebody, as a file, and the end of the account. Both ask for a fresh proof. */
import { isError, type StoaError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { accessErrors } from '../access/access-errors.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { toSignIn } from './account-page.ts'
import { checkbox, expiredOr, form, type Sent, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { shownAs } from './sign-in-page.ts'
import { isFresh, toStepUp } from './step-up-page.ts'

const PATH = 'personal-data'

/** `personal-data` */
export function personalDataPage({ personalData }: PagesDeps): Page {
  const show = (visit: PageVisit, sent: Sent): PageAnswer => {
    const { say } = visit
    const body = html`${summary(say, sent)}<p>${say('personalDataText')}</p>
${form(visit, pathTo(visit, PATH), [submit(say('download'))], { what: 'export' })}
<h2>${say('erase')}</h2><p>${say('eraseText')}</p>
${form(visit, pathTo(visit, PATH), [checkbox(say, 'sure', 'eraseSure', false), html`<button class="plain">${say('erase')}</button>`], { what: 'erase' })}
<p><a href="/${pathTo(visit, 'account').slice(1)}">${say('account')}</a></p>`
    return { kind: 'page', title: say('personalData'), body, ...shownAs(sent) }
  }
  const flawed = (visit: PageVisit, text: string): PageAnswer =>
    show(visit, { status: 422, flaws: [{ field: 'sure', text }] })
  const erase = async (visit: PageVisit, { personId }: LiveSessionRow): Promise<PageAnswer> => {
    const { ctx, form: given, say } = visit
    if (given.get('sure') !== 'yes') return flawed(visit, say('eraseUnsure'))
    try {
      await personalData.erase(ctx, personId)
    } catch (error) {
      if (isError(error, accessErrors.last_owner)) return flawed(visit, `${say('lastOwner')} ${namesIn(error)}`)
      throw error
    }
    const body = html`<p>${say('erased')}</p>`
    return { kind: 'page', title: say('erase'), body, cookies: [{ name: 'session', token: null, endsAt: null }] }
  }
  return {
    path: PATH,
    get(visit) {
      if (visit.session === null) return toSignIn(visit)
      return isFresh(visit, visit.session) ? show(visit, UNSENT) : toStepUp(visit, PATH)
    },
    async post(visit) {
      const { ctx, form: given, session } = visit
      if (session === null) return toSignIn(visit)
      if (!isFresh(visit, session)) return toStepUp(visit, PATH)
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      if (given.get('what') === 'erase') return erase(visit, session)
      if (given.get('what') !== 'export') return redirectTo(visit, PATH)
      const text = JSON.stringify(await personalData.of(ctx, session.personId), null, 2)
      return { kind: 'download', fileName: 'personal-data.json', text }
    },
  }
}

function namesIn({ context }: StoaError): string {
  const { organisations = '' } = context as { readonly organisations?: string }
  return `(${organisations})`
}
