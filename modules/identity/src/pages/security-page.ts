/* `security`: how somebody proves who they are besides the password. Everything here asks for a fresh proof first. */
import { isError } from '@stoa/kernel'
import { type Html, html, trustedHtml } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import type { Enrolment } from '../factors/factors.ts'
import type { Text } from '../languages/index.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { toSignIn } from './account-page.ts'
import { allowedApplications, withdrawn } from './allowed-applications.ts'
import { connectedAccounts } from './connected-accounts.ts'
import { codeField, sentWithCode } from './factor-page.ts'
import { expiredOr, field, form, type Sent, sentWith, status, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { passkeyForm, passkeyScript } from './passkey-script.ts'
import { shownAs } from './sign-in-page.ts'
import { isFresh, toStepUp } from './step-up-page.ts'
import { personName } from './verify-page.ts'

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
export function securityPage(deps: PagesDeps): Page {
  const { applications, factors, linked, passkeys } = deps
  const show = async (visit: PageVisit, session: LiveSessionRow, sent: Sent): Promise<PageAnswer> => {
    const { personId } = session
    const { ctx, query, say } = visit
    const done = DONE[query.get('done') ?? '']
    const { recoveryCodes, totp } = await factors.of(ctx, personId)
    const body = html`${done && sent === UNSENT && status(say(done))}${summary(say, sent)}
<h2>${say('factors')}</h2><p>${say('factorsText')}</p><p>${say(totp ? 'totpOn' : 'totpOff')}</p>
${
  totp
    ? html`<p>${say('recoveryLeft', { count: recoveryCodes })}</p>
${button(visit, 'codes', say('recoveryNew'))}${button(visit, 'remove', say('totpRemove'))}`
    : button(visit, 'begin', say('totpAdd'))
}
${passkeys.isPossible && (await passkeySection(visit, session, passkeys, sent))}
${await connectedAccounts(visit, session, deps)}
${await allowedApplications(visit, session, deps)}
<p><a href="/${pathTo(visit, 'account').slice(1)}">${say('account')}</a></p>`
    return { kind: 'page', title: say('factors'), body, ...shownAs(sent), runs: passkeys.isPossible }
  }
  const takeAway = async (
    visit: PageVisit,
    session: LiveSessionRow,
    done: string,
    take: (id: string) => Promise<void>,
  ): Promise<PageAnswer> => {
    try {
      await take(visit.form.get('id') ?? '')
    } catch (error) {
      const refusal = REFUSALS.find(([definition]) => isError(error, definition))
      if (refusal === undefined) throw error
      const text = visit.say(refusal[1], { tenant: visit.look.name })
      return show(visit, session, { status: 409, flaws: [{ field: null, text }] })
    }
    return redirectTo(visit, 'security', { done })
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
    async passkey(visit, session) {
      const { ctx, form: given, say, visitor } = visit
      const name = personName(given.get('passkey-name'))?.slice(0, 100)
      try {
        const response = given.get('response') ?? ''
        await passkeys.add(ctx, session.person, { name: name ?? visitor.place.device, response }, visitor)
      } catch (error) {
        return show(visit, session, sentWith(say, error))
      }
      return redirectTo(visit, 'security', { done: 'passkey' })
    },
    unpasskey: (visit, session) =>
      takeAway(visit, session, 'unpasskey', (id) => passkeys.remove(visit.ctx, session.person, id)),
    disconnect: (visit, session) =>
      takeAway(visit, session, 'disconnected', (id) => linked.unlink(visit.ctx, session.person, id)),
    application: (visit, session) =>
      takeAway(visit, session, 'withdrawn', (id) => withdrawn(applications, visit.ctx, session.personId, id)),
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

/** What has been done, as the address says it. */
const DONE: Readonly<Record<string, Text>> = {
  removed: 'factorRemoved',
  passkey: 'passkeyAdded',
  unpasskey: 'passkeyRemoved',
  connected: 'connectedDone',
  disconnected: 'disconnected',
  withdrawn: 'applicationRemoved',
}

/** Why something is not taken away. */
const REFUSALS = [
  [identityErrors.last_way_in, 'lastWayIn'],
  [identityErrors.application_of_organisation, 'applicationOfOrganisation'],
] as const

async function passkeySection(
  visit: PageVisit,
  { person }: LiveSessionRow,
  passkeys: PagesDeps['passkeys'],
  sent: Sent,
): Promise<Html> {
  const { ctx, locale, look, say, visitor } = visit
  const options = await passkeys.creationOptions(ctx, person, visitor.deviceToken ?? '', look.name)
  const items = (await passkeys.list(ctx, person.id)).map(({ createdAt, id, name }) => {
    const time = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(createdAt)
    const label = `${say('passkeyRemove')}: ${name}`
    const remove = form(
      visit,
      pathTo(visit, 'security'),
      [html`<button class="plain" aria-label="${label}">${say('passkeyRemove')}</button>`],
      { what: 'unpasskey', id },
    )
    return html`<li><p><strong>${name}</strong> – ${say('passkeyMade', { time })}</p>${remove}</li>`
  })
  const value = visitor.place.device
  const content = [
    field(
      say,
      { id: 'passkey-name', label: 'passkeyName', type: 'text', autocomplete: 'off', value, maxLength: 100 },
      sent,
    ),
    submit(say('passkeyAdd')),
  ]
  const add = passkeyForm(visit, pathTo(visit, 'security'), {
    kind: 'create',
    options,
    content,
    hidden: { what: 'passkey' },
  })
  return html`<h2>${say('passkeys')}</h2><p>${say('passkeysText')}</p><ul class="list">${items}</ul>${add}
${trustedHtml(`<noscript><p>${html`${say('passkeyNeedsScript')}`}</p></noscript>`)}${passkeyScript(visit)}`
}

function button(visit: PageVisit, what: string, label: string): Html {
  return form(visit, pathTo(visit, 'security'), [html`<button class="plain">${label}</button>`], { what })
}

/** An app that is being set up, until a code of it is shown. */
async function enrol(visit: PageVisit, { key, sealed, url }: Enrolment, sent: Sent): Promise<PageAnswer> {
  const { say } = visit
  const fields = [codeField(visit, sent), submit(say('totpConfirm'))]
  const body = html`${summary(say, sent)}<p>${say('totpText')}</p>
${await picture(url, say('totpTitle'))}<p>${say('totpKey')}: <code>${key}</code></p>
<p>${trustedHtml(`<a href="${html`${url}`}">`)}${say('totpOpen')}${trustedHtml('</a>')}</p>
${form(visit, pathTo(visit, 'security'), fields, { what: 'confirm', sealed })}`
  return { kind: 'page', title: say('totpTitle'), body, ...shownAs(sent) }
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
