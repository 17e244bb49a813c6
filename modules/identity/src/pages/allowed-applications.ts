import { type Ctx, isError } from '@stoa/kernel'
import { type Html, html } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import type { AllowedApplication, Applications } from '../openid/applications.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { form } from './form.ts'
import { type PageVisit, pathTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { scopeWords } from './scope-words.ts'
import { websiteLink } from './website-link.ts'

/** More than anybody lets in; the API has all, page by page. */
const MOST_SHOWN = 500

/** The part of `security` about applications: those that somebody has let in, and those of the organisation. */
export async function allowedApplications(
  visit: PageVisit,
  { personId }: LiveSessionRow,
  { applications, permissions }: Pick<PagesDeps, 'applications' | 'permissions'>,
): Promise<Html> {
  const { ctx, look, say } = visit
  const allowed = await applications.list(ctx, personId, null, MOST_SHOWN)
  const items = allowed.map((one) => item(visit, one, permissions))
  return html`<h2 id="applications">${say('applications')}</h2>
<p>${say(items.length === 0 ? 'applicationsNone' : 'applicationsText', { tenant: look.name })}</p><ul class="list">${items}</ul>`
}

function item(visit: PageVisit, application: AllowedApplication, permissions: PagesDeps['permissions']): Html {
  const { locale, look, say } = visit
  const { allowedAt, allowedBy, id, lastUsedAt, name, ownScopes, scopes, website } = application
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
  const words = (list: readonly string[]) =>
    html`<ul>${list.map((scope) => html`<li>${scopeWords(say, permissions, scope)}</li>`)}</ul>`
  const used = lastUsedAt === null ? '' : html`, ${say('applicationUsed', { time: format.format(lastUsedAt) })}`
  const times = html`<p><strong>${name}</strong> – ${say('applicationAllowed', { time: format.format(allowedAt) })}${used}</p>${websiteLink(say, website)}`
  const label = `${say('applicationRemove')}: ${name}`
  const button = html`<button class="plain" aria-label="${label}">${say('applicationRemove')}</button>`
  const remove = form(visit, pathTo(visit, 'security'), [button], { what: 'application', id })
  if (allowedBy === 'person') return html`<li>${times}${words(scopes)}${remove}</li>`
  const given = html`<p>${say('applicationOfOrganisation', { tenant: look.name })}</p>`
  if (ownScopes.length === 0) return html`<li>${times}${words(scopes)}${given}</li>`
  return html`<li>${times}${words(scopes)}${given}<p>${say('applicationOwn')}</p>${words(ownScopes)}${remove}</li>`
}

/** Takes back what an application was allowed. Of one that has nothing any more, nothing is changed. */
export async function withdrawn(applications: Applications, ctx: Ctx, personId: string, id: string): Promise<void> {
  try {
    await applications.withdraw(ctx, personId, id)
  } catch (error) {
    if (!isError(error, identityErrors.application_not_found)) throw error
  }
}
