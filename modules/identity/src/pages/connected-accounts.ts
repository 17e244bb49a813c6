import { type Html, html } from '@stoa/mail'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { form } from './form.ts'
import { type PageVisit, pathTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { withButtons } from './with-buttons.ts'

/** The part of `security` about accounts elsewhere: those that are connected, and those that could be. */
export async function connectedAccounts(
  visit: PageVisit,
  { personId }: LiveSessionRow,
  { linked, providers }: Pick<PagesDeps, 'linked' | 'providers'>,
): Promise<Html | string> {
  const { ctx, say } = visit
  const [accounts, open] = await Promise.all([linked.of(ctx, personId), providers.open(ctx)])
  if (accounts.length === 0 && open.length === 0) return ''
  const items = accounts.map(({ label, providerId, providerName }) => {
    const text = `${say('disconnect')}: ${providerName}`
    const button = html`<button class="plain" aria-label="${text}">${say('disconnect')}</button>`
    const remove = form(visit, pathTo(visit, 'security'), [button], { what: 'disconnect', id: providerId })
    return html`<li><p><strong>${providerName}</strong> – ${label}</p>${remove}</li>`
  })
  const others = open.filter(({ id }) => !accounts.some(({ providerId }) => providerId === id))
  return html`<h2>${say('connected')}</h2><p>${say('connectedText')}</p><ul class="list">${items}</ul>
${withButtons({ ...visit, next: null }, others, { link: 'yes' })}`
}
