import { type Html, html } from '@stoa/mail'
import { form } from './form.ts'
import { type PageVisit, pathTo } from './page.ts'

/** The buttons of other providers, for who signs in or (`link`) connects an account. */
export function withButtons(
  visit: PageVisit,
  providers: readonly { readonly id: string; readonly name: string }[],
  hidden: Readonly<Record<string, string>>,
): Html[] {
  const { say } = visit
  const text = hidden.link === 'yes' ? 'connectAccount' : 'signInWith'
  return providers.map(({ id, name }) =>
    form(visit, pathTo(visit, `with/${id}`), [html`<button>${say(text, { provider: name })}</button>`], hidden),
  )
}
