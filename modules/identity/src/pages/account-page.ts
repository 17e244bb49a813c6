/* `account`: everything that somebody may change about themselves, each in a form of its own. */
import { isError } from '@stoa/kernel'
import { type Html, html } from '@stoa/mail'
import { accessErrors } from '../access/access-errors.ts'
import { identityErrors } from '../errors.ts'
import { languages, localeOf, locales, type Text } from '../languages/index.ts'
import { type OrganisationRow, organisationsOf } from '../people/organisation-store.ts'
import type { LiveSessionRow, SessionRow } from '../sign-in/session-store.ts'
import { checkbox, expiredOr, field, form, type Sent, sentWith, status, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { mailSent } from './register-page.ts'
import { shownAs } from './sign-in-page.ts'
import { isFresh, toStepUp } from './step-up-page.ts'
import { personName } from './verify-page.ts'

/** What has been done, as the address says it. */
const DONE: Readonly<Record<string, Text>> = {
  saved: 'saved',
  email: 'emailConfirmed',
  password: 'passwordChanged',
  sessions: 'sessionsEnded',
  named: 'saved',
}

type Change = (visit: PageVisit, session: LiveSessionRow) => Promise<PageAnswer>

/** `account` */
export function accountPage(deps: PagesDeps): Page {
  const show = async (visit: PageVisit, session: LiveSessionRow, sent: Sent): Promise<PageAnswer> => {
    const { ctx, query, say } = visit
    const sessions = await deps.sessions.list(ctx, session.personId)
    const organisations = await deps.db.systemRead(ctx, (tx) => organisationsOf(tx, session.personId))
    const done = DONE[query.get('done') ?? '']
    const body = html`${done && sent === UNSENT && status(say(done))}${summary(say, sent)}
<p>${say('accountText', { email: session.person.email })}</p>
${form(visit, pathTo(visit, 'sign-out'), [html`<button class="plain">${say('signOut')}</button>`])}
<p><a href="/${pathTo(visit, 'security').slice(1)}">${say('factors')}</a></p>
<p><a href="/${pathTo(visit, 'security').slice(1)}#applications">${say('applications')}</a></p>
<p><a href="/${pathTo(visit, 'personal-data').slice(1)}">${say('personalData')}</a></p>
${profileSection(visit, session, sent)}${emailSection(visit, session, sent)}${passwordSection(visit, session, sent)}${sessionSection(visit, session, sessions)}${organisationSection(visit, organisations)}`
    return { kind: 'page', title: say('account'), body, ...shownAs(sent) }
  }
  const changes: Readonly<Record<string, Change>> = {
    profile: changeProfile(deps),
    email: changeEmail(deps),
    password: changePassword(deps),
    session: endSession(deps),
    others: endOthers(deps),
    name: nameSession(deps),
    leave: leave(deps),
  }
  return {
    path: 'account',
    get: (visit) => (visit.session === null ? toSignIn(visit) : show(visit, visit.session, UNSENT)),
    async post(visit) {
      const { form: given, say, session } = visit
      if (session === null) return toSignIn(visit)
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, session, expired)
      // What another provider vouches for is good for this organisation, and changes nothing of the person.
      if (session.boundTenantId !== null) return toStepUp(visit, 'account')
      const change = changes[given.get('what') ?? '']
      if (change === undefined) return redirectTo(visit, 'account')
      try {
        return await change(visit, session)
      } catch (error) {
        if (error instanceof Flawed) return show(visit, session, error.sent)
        const fields = FIELDS[given.get('what') ?? ''] ?? {}
        return show(visit, session, sentWith(say, error, fields))
      }
    },
  }
}

const FIELDS: Readonly<Record<string, Parameters<typeof sentWith>[2]>> = {
  email: { email: 'email' },
  password: { password: 'password', current: 'current' },
}

/** What was sent cannot be taken. */
class Flawed extends Error {
  readonly sent: Sent
  constructor(id: string, text: string) {
    super(text)
    this.sent = { status: 422, flaws: [{ field: id, text }] }
  }
}

/** To the sign-in, and back. */
export function toSignIn(visit: PageVisit): PageAnswer {
  return redirectTo({ ...visit, next: visit.next ?? `${visit.base}/account` }, 'sign-in')
}

function changeProfile({ people }: PagesDeps): Change {
  return async (visit, session) => {
    const { ctx, form: given, say } = visit
    const name = personName(given.get('name'))
    if (name === null) throw new Flawed('name', say('nameRequired'))
    const locale = localeOf(given.get('locale')) ?? visit.locale
    await people.changeProfile(ctx, session.personId, { name, locale })
    return redirectTo(visit, 'account', { done: 'saved' })
  }
}

function changeEmail({ emailChange }: PagesDeps): Change {
  return async (visit, session) => {
    const { ctx, form: given, locale, visitor } = visit
    if (!isFresh(visit, session)) return toStepUp(visit, 'account')
    return mailSent(
      visit,
      await emailChange.request(ctx, session, { email: given.get('email') ?? '', locale }, visitor),
    )
  }
}

function changePassword({ recovery }: PagesDeps): Change {
  return async (visit, session) => {
    const { ctx, form: given, visitor } = visit
    const wanted = {
      current: given.get('current') ?? '',
      password: given.get('password') ?? '',
      endOthers: given.get('others') === 'yes',
    }
    await recovery.change(ctx, session, wanted, visitor)
    return redirectTo(visit, 'account', { done: 'password' })
  }
}

function endSession({ sessions }: PagesDeps): Change {
  return async (visit, session) => {
    try {
      await sessions.end(visit.ctx, session.personId, visit.form.get('id') ?? '', 'ended')
    } catch (error) {
      // It has ended by itself meanwhile.
      if (!isError(error, identityErrors.session_not_found)) throw error
    }
    return redirectTo(visit, 'account', { done: 'sessions' })
  }
}

function nameSession({ sessions }: PagesDeps): Change {
  return async (visit, session) => {
    const { ctx, form: given } = visit
    const name = given.get('label')?.trim().slice(0, 100) || null
    try {
      await sessions.name(ctx, session.personId, given.get('id') ?? '', name)
    } catch (error) {
      if (!isError(error, identityErrors.session_not_found)) throw error
    }
    return redirectTo(visit, 'account', { done: 'named' })
  }
}

/** Asks for a fresh proof first: there is no way back without an invitation. */
function leave({ members }: PagesDeps): Change {
  return async (visit, session) => {
    if (!isFresh(visit, session)) return toStepUp(visit, 'account')
    try {
      await members.leave(visit.ctx)
    } catch (error) {
      if (isError(error, accessErrors.last_owner)) throw new Flawed('leave', visit.say('lastOwner'))
      if (!isError(error, accessErrors.member_not_found)) throw error
    }
    return redirectTo(visit, 'home')
  }
}

function endOthers({ sessions }: PagesDeps): Change {
  return async (visit, session) => {
    await sessions.endAll(visit.ctx, session.personId, session.id, 'ended')
    return redirectTo(visit, 'account', { done: 'sessions' })
  }
}

function profileSection(visit: PageVisit, { person }: LiveSessionRow, sent: Sent): Html {
  const { say } = visit
  const value = visit.form.get('name')?.slice(0, 200) ?? person.name
  const options = locales.map((locale) =>
    locale === person.locale
      ? html`<option value="${locale}" lang="${locale}" selected>${languages[locale].languageName}</option>`
      : html`<option value="${locale}" lang="${locale}">${languages[locale].languageName}</option>`,
  )
  return html`<h2>${say('profile')}</h2>
${form(
  visit,
  pathTo(visit, 'account'),
  [
    field(say, { id: 'name', label: 'name', type: 'text', autocomplete: 'name', value, maxLength: 200 }, sent),
    html`<div class="field"><label for="locale">${say('language')}</label><select id="locale" name="locale">${options}</select></div>`,
    submit(say('save')),
  ],
  { what: 'profile' },
)}`
}

/** The form is for who has proven it of late: nobody types an address that is then thrown away. */
function emailSection(visit: PageVisit, session: LiveSessionRow, sent: Sent): Html {
  const { base, say } = visit
  const head = html`<h2>${say('changeEmail')}</h2><p>${say('changeEmailText')}</p>`
  if (!isFresh(visit, session)) {
    const proof = pathTo({ ...visit, next: `${base}/account` }, 'step-up')
    return html`${head}<p><a href="/${proof.slice(1)}">${say('changeEmailProof')}</a></p>`
  }
  const fields = [
    field(say, { id: 'email', label: 'emailNew', type: 'email', autocomplete: 'email' }, sent),
    submit(say('sendLink')),
  ]
  return html`${head}${form(visit, pathTo(visit, 'account'), fields, { what: 'email' })}`
}

function passwordSection(visit: PageVisit, { person }: LiveSessionRow, sent: Sent): Html {
  const { say } = visit
  return html`<h2>${say('changePassword')}</h2>
${form(
  visit,
  pathTo(visit, 'account'),
  [
    html`<input type="hidden" name="username" autocomplete="username" value="${person.email}">`,
    field(say, { id: 'current', label: 'passwordCurrent', type: 'password', autocomplete: 'current-password' }, sent),
    field(
      say,
      { id: 'password', label: 'passwordNew', type: 'password', autocomplete: 'new-password', hint: 'passwordHint' },
      sent,
    ),
    checkbox(say, 'others', 'endOthers', true),
    submit(say('save')),
  ],
  { what: 'password' },
)}`
}

function sessionSection(visit: PageVisit, own: LiveSessionRow, sessions: readonly SessionRow[]): Html {
  const { say } = visit
  const items = sessions.map((session) => sessionItem(visit, session, session.id === own.id))
  const others = form(visit, pathTo(visit, 'account'), [html`<button class="plain">${say('sessionEndAll')}</button>`], {
    what: 'others',
  })
  return html`<h2>${say('sessions')}</h2><p>${say('sessionsText')}</p><ul class="list">${items}</ul>${sessions.length > 1 && others}`
}

function sessionItem(visit: PageVisit, session: SessionRow, isOwn: boolean): Html {
  const { locale, say } = visit
  const { addressPrefix, device, id, name, seenAt } = session
  const time = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(
    seenAt,
  )
  const label = `${say('sessionEnd')}: ${name ?? device}`
  const end = form(
    visit,
    pathTo(visit, 'account'),
    [html`<button class="plain" aria-label="${label}">${say('sessionEnd')}</button>`],
    { what: 'session', id },
  )
  const rename = form(
    visit,
    pathTo(visit, 'account'),
    [
      html`<div class="field"><label for="label-${id}">${say('sessionName')}</label>
<input id="label-${id}" name="label" type="text" autocomplete="off" maxlength="100" value="${name ?? ''}"></div>`,
      html`<button class="plain" aria-label="${`${say('save')}: ${name ?? device}`}">${say('save')}</button>`,
    ],
    { what: 'name', id },
  )
  return html`<li><p><strong>${name ?? device}</strong>${name !== null && html` (${device})`}${isOwn && html` – ${say('sessionThis')}`}</p>
<p>${say('sessionSeen', { time: `${time} UTC`, network: addressPrefix === '' ? '?' : addressPrefix })}</p>${rename}${!isOwn && end}</li>`
}

function organisationSection(visit: PageVisit, organisations: readonly OrganisationRow[]): Html | string {
  const { say, tenant } = visit
  if (organisations.length === 0) return ''
  const items = organisations.map(({ id, name, slug }) => {
    if (id !== tenant.id) return html`<li><a href="/t/${slug}/home">${name}</a></li>`
    const button = html`<button class="plain" id="leave">${say('leave', { tenant: name })}</button>`
    return html`<li><p><strong>${name}</strong></p>${form(visit, pathTo(visit, 'account'), [button], { what: 'leave' })}</li>`
  })
  return html`<h2>${say('organisations')}</h2><p>${say('organisationsText')}</p><ul class="list">${items}</ul>`
}
