/*
 * `hand-over`: at a host of the tenant's own it leads to the installation, and is where people come back to; at the
 * installation it asks whoever is signed in whether they go on. Asks, because whoever leads somebody here with a state of
 * their own must not get anything by it alone.
 */
import { html } from '@stoa/mail'
import type { HandOver } from '../hosts/hand-over.ts'
import type { IssuerPlaces } from '../hosts/issuer-places.ts'
import { continueTo } from './continue-to.ts'
import { expiredOr, form, type Sent, submit, summary, UNSENT } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, cookiesOf, shownAs } from './sign-in-page.ts'
import { spentTold } from './verify-page.ts'

/** What the page stands on. */
export interface HandOverPageDeps extends Pick<PagesDeps, 'people'> {
  readonly handOver: HandOver
  readonly places: IssuerPlaces
}

/** `hand-over` */
export function handOverPage({ handOver, people, places }: HandOverPageDeps): Page {
  /** Where they go on to; null: the issuer is not at a host of its own. */
  const hostOf = ({ home, tenant }: PageVisit): URL | null => {
    const issuer = places.issuerOf(tenant)
    return issuer === home ? null : new URL(issuer)
  }

  const setOut = async (visit: PageVisit): Promise<PageAnswer> => {
    const { ctx, expired, form: given, home, locale, next, visitor } = visit
    if (expired) return redirectTo(visit, 'sign-in')
    const state = await handOver.begin(ctx, { next, again: given.get('again') === 'yes' }, visitor)
    return { kind: 'leave', to: `${home}/hand-over?${new URLSearchParams({ state, lang: locale })}` }
  }

  const comeBack = async (visit: PageVisit): Promise<PageAnswer> => {
    const { base, ctx, query, visitor } = visit
    const [code, state] = [query.get('code'), query.get('state')]
    if (code === null || state === null) return redirectTo(visit, 'sign-in')
    const { begun, next } = await handOver.arrive(ctx, { code, state }, visitor)
    const at = { ...visit, query: new URLSearchParams(), next: continueTo(next, base) }
    return { ...arrival(at), cookies: cookiesOf(begun) }
  }

  const goOn = async (visit: PageVisit, sent: Sent, posted: boolean): Promise<PageAnswer> => {
    const { ctx, look, say, session } = visit
    const state = visit.form.get('state') ?? visit.query.get('state') ?? ''
    const host = hostOf(visit)
    if (host === null) return redirectTo(visit, 'home')
    const isAdmitted = await handOver.admits(ctx, state, session)
    if (session === null || !isAdmitted) {
      const here = { ...visit, next: `${visit.base}/hand-over?${new URLSearchParams({ state })}` }
      return redirectTo(here, 'sign-in', session === null ? {} : { again: 'yes' })
    }
    if ((await people.membership(ctx, session.personId))?.status !== 'active') return redirectTo(visit, 'home')
    if (posted && sent === UNSENT) {
      const code = await handOver.agree(ctx, state, session)
      return { kind: 'leave', to: `${host.origin}/hand-over?${new URLSearchParams({ state, code })}` }
    }
    const { email } = session.person
    const body = html`${summary(say, sent)}<p>${say('handOverText', { host: host.host, email })}</p>
${form(visit, pathTo(visit, 'hand-over'), [submit(say('continue'))], { state })}`
    return { kind: 'page', title: say('signInTo', { tenant: look.name }), body, ...shownAs(sent) }
  }
  return {
    path: 'hand-over',
    get: spentTold((visit) => (visit.isOwnHost ? comeBack(visit) : goOn(visit, UNSENT, false))),
    post: spentTold((visit) => (visit.isOwnHost ? setOut(visit) : goOn(visit, expiredOr(visit), true))),
  }
}
