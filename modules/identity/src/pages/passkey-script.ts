/*
 * The one script of the pages. Passkeys cannot do without: it asks the browser for one, puts the answer into the form and
 * sends that. It is the same text on every page; what differs stands in the form.
 */
import { type Html, html, trustedHtml } from '@stoa/mail'
import { form } from './form.ts'
import type { PageVisit } from './page.ts'

const SCRIPT = `for (const form of document.querySelectorAll('form')) {
  const field = form.querySelector('[data-passkey]')
  if (!field) continue
  const Credential = window.PublicKeyCredential
  if (!Credential || !Credential.parseRequestOptionsFromJSON) continue
  form.hidden = false
  form.addEventListener('submit', async (event) => {
    if (field.value !== '') return
    event.preventDefault()
    const options = JSON.parse(field.dataset.passkey)
    try {
      const credential = field.dataset.kind === 'create'
        ? await navigator.credentials.create({ publicKey: Credential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: Credential.parseRequestOptionsFromJSON(options) })
      field.value = JSON.stringify(credential.toJSON())
      form.requestSubmit()
    } catch {
      field.value = ''
      form.querySelector('[data-failed]').hidden = false
    }
  })
}`

/** A form that asks for a passkey. Without the script it is not there. */
export function passkeyForm(
  visit: PageVisit,
  path: string,
  {
    content,
    hidden,
    kind,
    options,
  }: {
    readonly kind: 'create' | 'get'
    readonly options: object
    readonly content: readonly (Html | string)[]
    readonly hidden: Readonly<Record<string, string>>
  },
): Html {
  const field = html`<input type="hidden" name="response" value="" data-kind="${kind}" data-passkey="${JSON.stringify(options)}">`
  const failed = html`<p class="error" role="alert" data-failed="" hidden>${visit.say('passkeyFailed')}</p>`
  const shown = form(visit, path, [failed, field, ...content], hidden)
  return trustedHtml(String(shown).replace('<form ', '<form hidden '))
}

/** The script, at the end of a page that says `runs`. */
export function passkeyScript({ nonce }: Pick<PageVisit, 'nonce'>): Html {
  return trustedHtml(`<script nonce="${nonce}">${SCRIPT}</script>`)
}
