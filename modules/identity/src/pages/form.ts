/* Forms: labels, hints, what is wrong with a field, and a summary of it all that the reader is led to first. */
import { type FieldError, isError, type StoaError } from '@stoa/kernel'
import { type Html, html, trustedHtml } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import type { Say, Text } from '../languages/index.ts'
import type { PageVisit } from './page.ts'

/** What is wrong with what was sent. */
interface Flaw {
  /** Id of the field; null: of the form as a whole. */
  readonly field: string | null
  readonly text: string
}

/** A form as it was sent, with what is wrong with it. */
export interface Sent {
  readonly flaws: readonly Flaw[]
  readonly status: number
  readonly retryAfterSeconds?: number | undefined
}

/** A form that nobody has sent yet. */
export const UNSENT: Sent = { flaws: [], status: 200 }

/** What the form of a visit is, before the page has looked at it: not to be taken when its token does not hold. */
export function expiredOr(visit: PageVisit): Sent {
  return visit.expired ? { status: 403, flaws: [{ field: null, text: visit.say('formExpired') }] } : UNSENT
}

/** A field of a form. */
export interface Field {
  readonly id: string
  readonly label: Text
  readonly type: 'email' | 'password' | 'text'
  /** What the browser fills in (HTML, autofill). */
  readonly autocomplete: string
  readonly hint?: Text
  readonly value?: string
  readonly maxLength?: number
  readonly inputMode?: string
}

/** A field with its label, its hint and what is wrong with it. */
export function field(
  say: Say,
  { autocomplete, hint, id, inputMode, label, maxLength, type, value }: Field,
  sent: Sent,
): Html {
  const flaw = sent.flaws.find((one) => one.field === id)
  const described = [hint && `${id}-hint`, flaw && `${id}-error`].filter(Boolean).join(' ')
  const input = element('input', {
    ...{ id, name: id, type, autocomplete, required: '' },
    ...(value !== undefined && type !== 'password' && { value }),
    ...(maxLength !== undefined && { maxlength: String(maxLength) }),
    ...(inputMode !== undefined && { inputmode: inputMode }),
    ...(type === 'email' && { autocapitalize: 'none', spellcheck: 'false' }),
    ...(described !== '' && { 'aria-describedby': described }),
    ...(flaw && { 'aria-invalid': 'true' }),
  })
  return html`<div class="field"><label for="${id}">${say(label)}</label>
${hint && html`<p class="hint" id="${id}-hint">${say(hint)}</p>`}${flaw && html`<p class="error" id="${id}-error">${flaw.text}</p>`}
${input}</div>
`
}

/** A box to tick. */
export function checkbox(say: Say, id: string, label: Text, checked: boolean): Html {
  const input = element('input', { id, name: id, type: 'checkbox', value: 'yes', ...(checked && { checked: '' }) })
  return html`<div class="field check">${input}<label for="${id}">${say(label)}</label></div>
`
}

/** A form that posts to its own page. */
export function form(
  visit: PageVisit,
  path: string,
  content: readonly (Html | string)[],
  hidden: Readonly<Record<string, string>> = {},
): Html {
  const fields = Object.entries({ ...hidden, token_form: visit.formToken }).map(([name, value]) =>
    element('input', { type: 'hidden', name, value }),
  )
  return html`<form method="post" action="/${path.slice(1)}" novalidate>${fields}
${content}</form>
`
}

/** The button that sends a form. */
export function submit(label: string): Html {
  return html`<button class="main">${label}</button>`
}

/** What is wrong, first of all: the reader is led here, and from here to the fields. */
export function summary(say: Say, { flaws }: Sent): Html | string {
  if (flaws.length === 0) return ''
  const items = flaws.map((flaw) =>
    flaw.field === null ? html`<li>${flaw.text}</li>` : html`<li><a href="#${flaw.field}">${flaw.text}</a></li>`,
  )
  return html`<div class="summary" role="alert" tabindex="-1" autofocus><h2>${say('errorSummary')}</h2><ul>${items}</ul></div>
`
}

/** What has been done. */
export function status(text: string): Html {
  return html`<p class="status" role="status">${text}</p>
`
}

function element(name: string, attributes: Readonly<Record<string, string>>): Html {
  const written = Object.entries(attributes).map(([key, value]) =>
    value === '' && key !== 'value' ? ` ${key}` : ` ${key}="${html`${value}`}"`,
  )
  return trustedHtml(`<${name}${written.join('')}>`)
}

const PASSWORD_TEXTS: Readonly<Record<string, Text>> = {
  too_short: 'passwordTooShort',
  too_long: 'passwordTooLong',
  common: 'passwordCommon',
  own_name: 'passwordOwnName',
  not_text: 'passwordNotText',
}

/**
 * What a refusal means for a form.
 *
 * @param fields the ids that the form has for these
 * @throws the error itself when it is none of those
 */
export function sentWith(
  say: Say,
  error: unknown,
  fields: { readonly email?: string; readonly password?: string; readonly current?: string } = {},
): Sent {
  const flawed = (field: string | null, text: string, code = 422): Sent => ({ status: code, flaws: [{ field, text }] })
  if (isError(error, identityErrors.too_many_attempts)) return tooMany(say, error)
  if (isError(error, identityErrors.email_invalid)) return flawed(fields.email ?? null, say('emailInvalid'))
  if (isError(error, identityErrors.person_suspended)) return flawed(null, say('suspended'), 403)
  if (isError(error, identityErrors.sign_in_refused)) {
    return fields.current === undefined
      ? flawed(fields.email ?? null, say('signInRefused'))
      : flawed(fields.current, say('passwordWrong'))
  }
  if (isError(error, identityErrors.passkey_refused)) return flawed(null, say('passkeyFailed'))
  if (isError(error, identityErrors.password_refused)) {
    const [fault] = ((error as StoaError).fields ?? []) as readonly FieldError[]
    return flawed(fields.password ?? null, say(PASSWORD_TEXTS[fault?.code ?? ''] ?? 'passwordCommon'))
  }
  throw error
}

function tooMany(say: Say, { retryAfterSeconds = 1 }: StoaError): Sent {
  const time =
    retryAfterSeconds < 90
      ? say('seconds', { count: retryAfterSeconds })
      : say('minutes', { count: Math.ceil(retryAfterSeconds / 60) })
  return { status: 429, retryAfterSeconds, flaws: [{ field: null, text: say('tooManyAttempts', { time }) }] }
}
