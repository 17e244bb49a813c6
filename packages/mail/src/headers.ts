// The header fields that a composer may set, beside those that every message has.

import { isMailbox, mailboxOf } from './address.ts'
import type { Faults } from './fields.ts'
import type { MailInput, UnsubscribeInput } from './message.ts'

const MESSAGE_ID = /^<[^<>\s@]{1,200}@[^<>\s@]{1,200}>$/
/** `x-ses-…` gives orders to the provider, `x-envelope-…` is the folder's. */
const ALLOWED = /^(?:x-(?!ses-|envelope-)[a-z0-9-]{1,60}|auto-submitted|precedence|importance|list-id)$/i
const MAX_FIELDS = 20
const MAX_REFERENCES = 50

/** The header fields; what is wrong with them goes to the faults. */
export function checkedHeaders(faults: Faults, input: MailInput): Record<string, string> {
  const { headers = {}, unsubscribe } = input
  const result: Record<string, string> = {}
  const entries = Object.entries(headers)
  if (entries.length > MAX_FIELDS) faults.add('/headers', 'too_many', `at most ${MAX_FIELDS} header fields`)
  for (const [name, value] of entries.slice(0, MAX_FIELDS)) {
    const pointer = `/headers/${name.replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 80)}`
    if (ALLOWED.test(name)) result[name] = faults.text(pointer, value, 900, 'one line')
    else faults.add(pointer, 'not_allowed', 'this header field cannot be set')
  }
  Object.assign(result, conversation(faults, input))
  if (unsubscribe !== undefined) Object.assign(result, listUnsubscribe(faults, unsubscribe))
  return result
}

function conversation(faults: Faults, { inReplyTo, references }: MailInput): Record<string, string> {
  const chain = references ?? (inReplyTo === undefined ? [] : [inReplyTo])
  if (inReplyTo !== undefined && !MESSAGE_ID.test(inReplyTo)) {
    faults.add('/inReplyTo', 'bad_message_id', 'must be a Message-ID such as <1@example.org>')
  }
  if (!Array.isArray(chain) || chain.length > MAX_REFERENCES) {
    faults.add('/references', 'too_many', `must be a list of at most ${MAX_REFERENCES}`)
    return {}
  }
  if (references !== undefined && !chain.every((id) => MESSAGE_ID.test(id))) {
    faults.add('/references', 'bad_message_id', 'must be Message-IDs such as <1@example.org>')
  }
  return {
    ...(inReplyTo !== undefined && { 'In-Reply-To': inReplyTo }),
    ...(chain.length > 0 && { References: chain.join(' ') }),
  }
}

/** RFC 2369, and RFC 8058 for one click, which is for https alone. */
function listUnsubscribe(faults: Faults, { url, mailto }: UnsubscribeInput): Record<string, string> {
  const ways: string[] = []
  if (url !== undefined) {
    const parsed = typeof url === 'string' && url.length <= 1_000 && URL.canParse(url) ? new URL(url) : null
    if (parsed?.protocol === 'https:') ways.push(`<${parsed.href.replaceAll('>', '%3E').replaceAll(',', '%2C')}>`)
    else faults.add('/unsubscribe/url', 'not_allowed', 'must be an https address of up to 1000 characters')
  }
  if (mailto !== undefined) {
    const box = mailboxOf(mailto)
    if (isMailbox(box)) ways.push(`<mailto:${box.address.replace(/[%?&]/g, encodeURIComponent)}>`)
    else faults.add('/unsubscribe/mailto', box.code, box.message)
  }
  if (url === undefined && mailto === undefined) faults.add('/unsubscribe', 'required', 'url or mailto is needed')
  return {
    'List-Unsubscribe': ways.join(', '),
    ...(url !== undefined && { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }),
  }
}
