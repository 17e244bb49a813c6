/*
 * Sends a message as a task, and waits until it is known what became of it.
 *
 *   STOA_URL=http://127.0.0.1:3000 STOA_KEY=stoa_… node examples/send-mail.ts ann@example.org
 */
import type { MailMessage, NewMail } from '@stoa/mail-room/contract'

const { STOA_URL: url = 'http://127.0.0.1:3000', STOA_KEY: key = '' } = process.env
const [to = 'ann@example.org'] = process.argv.slice(2)
const authorization = `Bearer ${key}`

const input: NewMail = {
  to: [to],
  subject: 'Your order 1001',
  html: '<p>Thank you for your <b>order</b>.</p>',
  attachments: [{ filename: 'order.txt', content: '1 × olive oil', encoding: 'text' }],
}
const asked = await fetch(`${url}/api/v1/tasks`, {
  method: 'POST',
  // Sent once, however often this request is.
  headers: { authorization, 'content-type': 'application/json', 'idempotency-key': 'order-1001-confirmation' },
  body: JSON.stringify({ kind: 'mail.send', input }),
})
if (asked.status !== 202) throw new Error(await asked.text())
const { id } = (await asked.json()) as { readonly id: string }
console.log('accepted')

// The events of the task end when it does.
await (await fetch(`${url}/api/v1/tasks/${id}/events`, { headers: { authorization } })).text()
const message = (await (
  await fetch(`${url}/api/v1/mail/messages/${id}`, { headers: { authorization } })
).json()) as MailMessage
for (const { address, state } of message.recipients) console.log(`${address}: ${state}`)
