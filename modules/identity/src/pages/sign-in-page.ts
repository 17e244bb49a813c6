import { type Html, html } from '@stoa/mail'
import type { Begun } from '../sign-in/sign-in.ts'
import { expiredOr, field, form, type Sent, sentWith, status, submit, summary, UNSENT } from './form.ts'
import type { CookieChange, Page, PageAnswer, PageVisit } from './page.ts'
import { pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { passkeyForm, passkeyScript, passkeyScriptHash } from './passkey-script.ts'
import { withButtons } from './with-buttons.ts'

/** `sign-in` */
export function signInPage({ passkeys, providers, settings, signIn }: PagesDeps): Page {
  const show = async (visit: PageVisit, sent: Sent): Promise<PageAnswer> => {
    const { look, query, say } = visit
    const { registration } = await settings.of(visit.ctx)
    const again = query.get('again') === 'yes'
    // GitHub does not say when somebody has proven who they are.
    const others = (await providers.open(visit.ctx)).filter(({ kind }) => !again || kind !== 'github')
    const said = query.get('done')
    const scripts = passkeys.isPossible && { scriptHashes: [passkeyScriptHash] }
    const body = html`${said === 'reset' ? status(say('resetDone')) : said === 'out' ? status(say('signedOut')) : ''}${summary(say, sent)}
${form(visit, pathTo(visit, 'sign-in'), [
  field(say, { id: 'email', label: 'email', type: 'email', autocomplete: 'username', ...typed(visit) }, sent),
  field(say, { id: 'password', label: 'password', type: 'password', autocomplete: 'current-password' }, sent),
  submit(say('signIn')),
])}
${passkeys.isPossible && passkeyPart(visit, passkeys)}${withButtons(visit, others, again ? { again: 'yes' } : {})}<p><a href="/${pathTo(visit, 'reset').slice(1)}">${say('forgotten')}</a></p>
${registration === 'open' && html`<p><a href="/${pathTo(visit, 'register').slice(1)}">${say('noAccount')}</a></p>`}`
    return { kind: 'page', title: say('signInTo', { tenant: look.name }), body, ...shownAs(sent), ...scripts }
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

/** Signing in by a passkey: there for who has scripts. */
function passkeyPart(visit: PageVisit, passkeys: PagesDeps['passkeys']): Html {
  const { ctx, say, visitor } = visit
  const options = passkeys.signInOptions(ctx, visitor.deviceToken ?? '')
  const content = [html`<button>${say('passkeyUse')}</button>`]
  return html`${passkeyForm(visit, pathTo(visit, 'sign-in'), { kind: 'get', options, content, hidden: {} })}${passkeyScript()}`
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
  const { base, next } = visit
  if (next === null) return redirectTo(visit, 'home')
  return OWN.some((page) => next.split('?')[0] === `${base}/${page}`)
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
