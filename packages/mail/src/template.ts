import type { Html } from './html.ts'

/** The words of a message. */
export interface MailWords {
  readonly subject: string
  readonly text: string
  readonly html: Html
}

/** What makes the words, each for itself. */
export interface TemplateParts<Input> {
  readonly subject: (input: Input) => string
  /** For those who read mail as text. It says the same as the HTML. */
  readonly text: (input: Input) => string
  readonly html: (input: Input) => Html
}

/**
 * A template: a function from its input to subject, text and HTML.
 *
 * @example
 * const welcome = mailTemplate<{ name: string; link: string }>({
 *   subject: ({ name }) => `Welcome, ${name}`,
 *   text: ({ name, link }) => `Hello ${name},\n\nplease confirm your address: ${link}`,
 *   html: ({ name, link }) => html`<p>Hello ${name},</p><p><a href="${link}">Confirm your address</a></p>`,
 * })
 * await mail.compose(ctx, tx, { to: ['ann@example.org'], ...welcome({ name, link }) })
 */
export function mailTemplate<Input>(parts: TemplateParts<Input>): (input: Input) => MailWords {
  return (input) => ({
    // A name with a line break in it must not keep the mail from being sent.
    subject: parts.subject(input).replace(/\s+/g, ' ').trim(),
    text: parts.text(input),
    html: parts.html(input),
  })
}
