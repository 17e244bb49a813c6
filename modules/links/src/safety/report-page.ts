/** The page that takes reports. It works without a script. */
import { escaped, page, pagePolicy } from '../redirect/redirect-page.ts'
import { ADDRESS_MAX, DETAILS_MAX } from './report-schema.ts'
import type { Reason } from './takedown.ts'

const words: Readonly<Record<Reason, string>> = {
  phishing: 'It pretends to be another page',
  malware: 'It is harmful to my device',
  spam: 'It was sent to me unasked',
  illegal: 'It is unlawful',
  other: 'Something else',
}

/** The form. @param link what its first field says; @param wrong whether there is no such link */
export function reportPage(link: string, wrong: boolean): string {
  const told = wrong ? '<p role="alert" id="told" class="told">There is no link at this address.</p>' : ''
  const described = wrong ? ' aria-invalid="true" aria-describedby="told"' : ''
  const options = Object.entries(words).map(([value, text]) => `<option value="${value}">${escaped(text)}</option>`)
  return page(
    'Report a short link',
    'Tell us of a link that does harm. We look at it, and take it down if it has to be.',
    `${told}<form method="post">
<label for="link">Short address</label>
<input id="link" name="link" required maxlength="${ADDRESS_MAX}" value="${escaped(link)}"${described}>
<label for="reason">What is wrong with it</label>
<select id="reason" name="reason" required>${options.join('')}</select>
<label for="details">What you have seen (optional)</label>
<textarea id="details" name="details" rows="4" maxlength="${DETAILS_MAX}"></textarea>
<label for="contact">Where we can ask you back (optional)</label>
<input id="contact" name="contact" maxlength="254" autocomplete="email">
<button>Send</button>
</form>`,
  )
}

/** The page afterwards. */
export function thanksPage(): string {
  return page('Thank you', 'Somebody looks at the link.')
}

interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  type(mediaType: string): unknown
}

/** Answers with one of these pages. Nobody keeps it: it may hold what the visitor has said. */
export function sendReportPage(reply: Reply, status: number, html: string): string {
  reply.code(status)
  reply.type('text/html; charset=utf-8')
  reply.header('cache-control', 'no-store')
  reply.header('content-security-policy', pagePolicy)
  return html
}
