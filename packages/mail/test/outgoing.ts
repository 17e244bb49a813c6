import { newId } from '@stoa/kernel'
import type { OutgoingMail } from '../src/index.ts'

/** A message that is ready to leave, with what is awkward to carry: lines that begin with a dot, other scripts, bytes. */
export function outgoing(over: Partial<OutgoingMail> & { readonly text?: string } = {}): OutgoingMail {
  const { text = 'Guten Tag', ...rest } = over
  const id = newId()
  const content = [
    'From: Shop <shop@example.org>',
    'To: ann@example.org',
    'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
    `Message-ID: <${id}@example.org>`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    text,
    '.',
    '..a line that begins with dots',
    'Καλημέρα 🏛',
    '',
  ].join('\r\n')
  return { id, from: 'shop@example.org', to: ['ann@example.org'], content: Buffer.from(content), ...rest }
}
