import { html, mailTemplate } from '@stoa/mail'
import { type Fillings, localeOf, type Say, sayIn, type Text } from '../languages/index.ts'

/** What a mail says. */
export interface AccountWords {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** What a mail about an account is about. */
export type AccountTopic =
  | 'registration'
  | 'registered_already'
  | 'reset'
  | 'email'
  | 'email_changed'
  | 'password_changed'
  | 'factor_changed'
  | 'new_device'
  | 'erased'

/** What is put into the words. */
export interface AccountFacts {
  readonly tenant: string
  readonly link: string
  readonly device?: string | undefined
  readonly addressPrefix?: string | undefined
  readonly at?: string | undefined
}

const TEXTS: Readonly<Record<AccountTopic, { subject: Text; text: Text; action: Text }>> = {
  registration: texts('mailRegistrationSubject', 'mailRegistrationText', 'mailRegistrationAction'),
  registered_already: texts('mailRegisteredSubject', 'mailRegisteredText', 'mailRegisteredAction'),
  reset: texts('mailResetSubject', 'mailResetText', 'mailResetAction'),
  email: texts('mailEmailSubject', 'mailEmailText', 'mailEmailAction'),
  email_changed: texts('mailEmailChangedSubject', 'mailEmailChangedText', 'mailAccountAction'),
  password_changed: texts('mailPasswordChangedSubject', 'mailPasswordChangedText', 'mailAccountAction'),
  factor_changed: texts('mailFactorChangedSubject', 'mailFactorChangedText', 'mailAccountAction'),
  new_device: texts('mailNewDeviceSubject', 'mailNewDeviceText', 'mailAccountAction'),
  erased: texts('mailErasedSubject', 'mailErasedText', 'signIn'),
}
/** Whoever gets these has asked for them, or somebody has in their name. */
const ASKED_FOR: ReadonlySet<AccountTopic> = new Set(['registration', 'registered_already', 'reset', 'email'])

function texts(subject: Text, text: Text, action: Text) {
  return { subject, text, action }
}

interface Parts {
  readonly say: Say
  readonly topic: AccountTopic
  readonly fillings: Fillings
  readonly link: string
}

const closing = ({ say, topic }: Parts): string => (ASKED_FOR.has(topic) ? say('mailClosing') : '')

const template = mailTemplate<Parts>({
  subject: ({ fillings, say, topic }) => say(TEXTS[topic].subject, fillings),
  text: (parts) => {
    const { fillings, link, say, topic } = parts
    const lines = [say('mailGreeting'), say(TEXTS[topic].text, fillings), link, closing(parts)]
    return `${lines.filter((line) => line !== '').join('\n\n')}\n`
  },
  html: (parts) => {
    const { fillings, link, say, topic } = parts
    const { action, text } = TEXTS[topic]
    return html`<p>${say('mailGreeting')}</p><p>${say(text, fillings)}</p><p><a href="${link}">${say(action)}</a></p><p>${closing(parts)}</p>`
  },
})

/** The words of a mail about an account, in this language if there is it. */
export function accountWords(locale: string, topic: AccountTopic, facts: AccountFacts): AccountWords {
  const { addressPrefix = '', at = '', device = '', link, tenant } = facts
  const fillings = { tenant, device, network: addressPrefix, time: at }
  const { html: markup, ...words } = template({ say: sayIn(localeOf(locale) ?? 'en'), topic, fillings, link })
  return { ...words, html: String(markup) }
}
