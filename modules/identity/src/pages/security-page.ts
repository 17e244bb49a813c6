/* `security`: how somebody proves who they are besides the password. Everything here asks for a fresh proof first. */
import { isError } from '@stoa/kernel'
import { type Html, html, trustedHtml } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import type { Enrolment } from '../factors.ts'
import type { LiveSessionRow } from '../session-store.ts'
import { toSignIn } from './account-page.ts'
import { codeField, sentWithCode } from './factor-page.ts'
import { expiredOr, form, type Sent, status, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { shownAs } from './sign-in-page.ts'
import { isFresh, toStepUp } from './step-up-page.ts'

type Guarded = (visit: PageVisit, session: LiveSessionRow) => Promise<PageAnswer>

/** Only for who is signed in and has proven it of late. */
function guarded(handler: Guarded): Page['get'] {
  return (visit) => {
    const { session } = visit
    if (session === null) return toSignIn(visit)
    return isFresh(visit, session) ? handler(visit, session) : toStepUp(visit, 'security')
  }
}

/** `security` */
export function securityPage({ factors }: PagesDeps): Page {
  const show = async (visit: PageVisit, { personId }: LiveSessionRow, sent: Sent): Promise<PageAnswer> => {
    const { ctx, query, say } = visit
    const { recoveryCodes, totp } = await factors.of(ctx, personId)
    const body = html`${query.get('done') === 'removed' && sent === UNSENT && status(say('factorRemoved'))}${summary(say, sent)}
<h2>${say('factors')}</h2><p>${say('factorsText')}</p><p>${say(totp ? 'totpOn' : 'totpOff')}</p>
${
  totp
    ? html`<p>${say('recoveryLeft', { count: recoveryCodes })}</p>
${button(visit, 'codes', say('recoveryNew'))}${button(visit, 'remove', say('totpRemove'))}`
    : button(visit, 'begin', say('totpAdd'))
}
<p><a href="/${pathTo(visit, 'account').slice(1)}">${say('account')}</a></p>`
    return { kind: 'page', title: say('factors'), body, ...shownAs(sent) }
  }
  const enrol = async (visit: PageVisit, enrolment: Enrolment, sent: Sent): Promise<PageAnswer> => {
    const { say } = visit
    const { key, sealed, url } = enrolment
    const fields = [codeField(visit, sent), submit(say('totpConfirm'))]
    const body = html`${summary(say, sent)}<p>${say('totpText')}</p>
${await picture(url, say('totpTitle'))}<p>${say('totpKey')}: <code>${key}</code></p>
<p>${trustedHtml(`<a href="${html`${url}`}">`)}${say('totpOpen')}${trustedHtml('</a>')}</p>
${form(visit, pathTo(visit, 'security'), fields, { what: 'confirm', sealed })}`
    return { kind: 'page', title: say('totpTitle'), body, ...shownAs(sent) }
  }
  const changes: Readonly<Record<string, Guarded>> = {
    begin: async (visit, { person }) => enrol(visit, factors.enrol(visit.ctx, person, visit.look.name), UNSENT),
    async confirm(visit, { person }) {
      const { ctx, form: given, look } = visit
      const sealed = given.get('sealed') ?? ''
      try {
        return codesPage(visit, await factors.confirm(ctx, person, sealed, given.get('code') ?? ''))
      } catch (error) {
        if (isError(error, identityErrors.link_spent)) return redirectTo(visit, 'security')
        return enrol(visit, factors.enrolAgain(ctx, person, look.name, sealed), sentWithCode(visit, error))
      }
    },
    codes: async (visit, { person }) => codesPage(visit, await factors.renewCodes(visit.ctx, person)),
    async remove(visit, { person }) {
      await factors.remove(visit.ctx, person)
      return redirectTo(visit, 'security', { done: 'removed' })
    },
  }
  return {
    path: 'security',
    get: guarded((visit, session) => show(visit, session, UNSENT)),
    post: guarded(async (visit, session) => {
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, session, expired)
      const change = changes[visit.form.get('what') ?? '']
      return change === undefined ? redirectTo(visit, 'security') : await change(visit, session)
    }),
  }
}

function button(visit: PageVisit, what: string, label: string): Html {
  return form(visit, pathTo(visit, 'security'), [html`<button class="plain">${label}</button>`], { what })
}

function codesPage(visit: PageVisit, codes: readonly string[]): PageAnswer {
  const { say } = visit
  const items = codes.map((code) => html`<li><code>${code}</code></li>`)
  const body = html`<p>${say('recoveryText')}</p><ul class="codes">${items}</ul>
<p><a href="/${pathTo(visit, 'security').slice(1)}">${say('recoveryKept')}</a></p>`
  return { kind: 'page', title: say('recoveryTitle'), body }
}

/** The address as a QR code, drawn into the page. */
async function picture(url: string, label: string): Promise<Html> {
  // Loaded here, because most processes never make one.
  const { default: QRCode } = await import('qrcode')
  const svg = await QRCode.toString(url, { type: 'svg', width: 200, margin: 4 })
  return trustedHtml(`<div role="img" aria-label="${html`${label}`}">${svg}</div>`)
}
