import { type Html, html } from '@stoa/mail'
import type { Say } from '../languages/index.ts'
import type { Begun } from '../sign-in/sign-in.ts'
import { expiredOr, field, form, type Sent, sentWith, status, submit, summary, UNSENT } from './form.ts'
import type { CookieChange, Page, PageAnswer, PageVisit } from './page.ts'
import { pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { passkeyForm, passkeyScript } from './passkey-script.ts'
import { withButtons } from './with-buttons.ts'

/** `sign-in` */
export function signInPage({ passkeys, providers, settings, signIn }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { look, query, say } = visit
    const { registration } = await settings.of(visit.ctx)
    const again = query.get('again') === 'yes'
    // GitHub does not say when somebody has proven who they are.
    const others = (await providers.open(visit.ctx)).filter(({ kind }) => !again || kind !== 'github')
    const options = isPasskeyPlace(visit, passkeys)
      ? passkeys.signInOptions(visit.ctx, visit.visitor.deviceToken ?? '')
      : null
    const { runs, shown } = passkeyPart(visit, 'sign-in', options)
    const body = html`${saidFirst(say, query)}${summary(say, sent)}
${form(visit, pathTo(visit, 'sign-in'), [
  field(say, { id: 'email', label: 'email', type: 'email', autocomplete: 'username', ...typed(visit) }, sent),
  field(say, { id: 'password', label: 'password', type: 'password', autocomplete: 'current-password' }, sent),
  submit(say('signIn')),
])}
${shown}${handOverButton(visit, again)}${withButtons(visit, others, again ? { again: 'yes' } : {})}<p><a href="/${pathTo(visit, 'reset').slice(1)}">${say('forgotten')}</a></p>
${registration === 'open' && html`<p><a href="/${pathTo(visit, 'register').slice(1)}">${say('noAccount')}</a></p>`}`
    return { kind: 'page', title: say('signInTo', { tenant: look.name }), body, ...shownAs(sent), runs }
  }
  return {
    path: 'sign-in',
    // `again`: somebody asks to be sure that it is still them.
    get: (visit) =>
      visit.session === null || visit.query.get('again') === 'yes' ? show(visit, UNSENT) : arrival(visit),
    async post(visit) {
      const { form: given, say, visitor } = visit
      const expired = expiredOr(visit)
      if (expired !== UNSENT) return show(visit, expired)
      const credentials = { email: given.get('email') ?? '', password: given.get('password') ?? '' }
      try {
        const response = given.get('response')
        const outcome =
          response === null
            ? await signIn.withPassword(visit.ctx, credentials, visitor)
            : await passkeys.signIn(visit.ctx, response, visitor)
        if (outcome.kind === 'session') return { ...arrival(visit), cookies: cookiesOf(outcome) }
        return redirectTo(visit, 'factor', { step: outcome.token })
      } catch (error) {
        return show(visit, sentWith(say, error, { email: 'email' }))
      }
    },
  }
}

/** What has been done, or why somebody who is signed in is here again. */
function saidFirst(say: Say, query: URLSearchParams): Html | '' {
  const done = query.get('done')
  if (done === 'reset') return status(say('resetDone'))
  if (done === 'out') return status(say('signedOut'))
  return query.get('factors') === '2' ? status(say('secondStepAsked')) : ''
}

/** At a host of the tenant's own: by the session, or a passkey, that somebody has at the installation. */
function handOverButton(visit: PageVisit, again: boolean): Html | '' {
  const { home, isOwnHost, say } = visit
  if (!isOwnHost) return ''
  const content = [html`<button>${say('handOver', { host: new URL(home).host })}</button>`]
  return form(visit, pathTo(visit, 'hand-over'), content, again ? { again: 'yes' } : {})
}

/** The part of a page that asks for a passkey, and whether the page runs a script for it; nothing where there can be none. */
interface PasskeyPart {
  readonly shown: Html | ''
  readonly runs: boolean
}

/**
 * Showing a passkey: there for who has scripts.
 *
 * @param page which it is sent to, as `response`
 * @param options what the browser needs for it; null: it is not offered
 */
export function passkeyPart(
  visit: PageVisit,
  page: string,
  options: object | null,
  hidden: Readonly<Record<string, string>> = {},
): PasskeyPart {
  if (options === null) return { shown: '', runs: false }
  const content = [html`<button>${visit.say('passkeyUse')}</button>`]
  const asked = passkeyForm(visit, pathTo(visit, page), { kind: 'get', options, content, hidden })
  return { shown: html`${asked}${passkeyScript(visit)}`, runs: true }
}

/** What a browser needs to show a passkey of somebody; null when that cannot be. */
export async function passkeyOptions(
  visit: PageVisit,
  passkeys: PagesDeps['passkeys'],
  personId: string | null,
): Promise<object | null> {
  const { ctx, visitor } = visit
  if (personId === null || !isPasskeyPlace(visit, passkeys)) return null
  return await passkeys.checkOptions(ctx, personId, visitor.deviceToken ?? '')
}

/** A passkey is of the installation's own host: browsers show it at no other. */
function isPasskeyPlace({ isOwnHost }: PageVisit, { isPossible }: PagesDeps['passkeys']): boolean {
  return isPossible && !isOwnHost
}

/** What was typed into the field of the address. */
export function typed({ form: given }: PageVisit): { readonly value?: string } {
  const value = given.get('email')?.slice(0, 254)
  return value === undefined ? {} : { value }
}

/** How a page answers to what was sent. */
export function shownAs({ flaws, retryAfterSeconds, status: code }: Sent) {
  return { status: code, isError: flaws.length > 0, retryAfterSeconds }
}

/** Pages of ours, which lead to nowhere else. */
const OWN = ['account', 'security', 'home']

/** Where somebody goes who has signed in: where they wanted to go, or to their account. */
export function arrival(visit: PageVisit): PageAnswer {
  const { base, isOwnHost, next } = visit
  if (next === null) return redirectTo(visit, 'home')
  // A host of the tenant's own leads to the account by another host.
  return (isOwnHost ? ['home'] : OWN).some((page) => next.split('?')[0] === `${base}/${page}`)
    ? { kind: 'redirect', to: next }
    : { kind: 'leave', to: next }
}

/** The cookies of a session that has begun. */
export function cookiesOf({ deviceToken, session, token }: Begun): CookieChange[] {
  return [
    { name: 'session', token, endsAt: session.endsAt },
    { name: 'device', token: deviceToken, endsAt: null },
  ]
}
