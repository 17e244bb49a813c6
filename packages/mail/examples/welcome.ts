// A welcome mail: composed in the transaction of what it is about, delivered by whoever runs jobs, into a folder.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTenant, migrate, openPglite } from '@stoa/db'
import { silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { createFolderTransport, createMail, html, MailDeliveryError, mailMigrations, mailTemplate } from '@stoa/mail'

const deps = { log: silentLogger, clock: systemClock }
const sets = [mailMigrations]
const folder = await mkdtemp(join(tmpdir(), 'welcome-'))
await using db = await openPglite({ dataDir: null }, deps)
await migrate(db, sets, deps)
const system = systemCtx(deps, 'example')
const tenant = await createTenant(db, system, sets, { slug: 'acme', name: 'Acme', placement: 'pool' })
const ctx = tenantCtx(system, tenant)

await using transport = createFolderTransport({ folder })
const key = Buffer.alloc(32, 'a secret of the installation') // the same on every node
const mail = createMail({ from: { address: 'post@stoa.example', name: 'Stoa' } }, { db, transport, key })

// Whatever is put in is escaped; a link is a link or nothing.
const welcome = mailTemplate<{ name: string; link: string }>({
  subject: ({ name }) => `Welcome, ${name}`,
  text: ({ name, link }) => `Hello ${name},\n\nplease confirm your address: ${link}`,
  html: ({ name, link }) => html`<p>Hello ${name},</p><p><a href="${link}">Confirm your address</a></p>`,
})

// The tenant's own address, signed; the record goes into its DNS.
const dkim = { domain: 'acme.example', selector: 'stoa1' }
const sender = await mail.setSender(ctx, { from: { address: 'shop@acme.example', name: 'Acme' }, dkim })
console.log(sender.dkim?.record.name, 'TXT', `${sender.dkim?.record.value.slice(0, 40)}…`)

const id = await db.transaction(ctx, async (tx) => {
  // … the row of the new customer, and the job that will call deliver …
  const words = welcome({ name: '<Ann>', link: 'https://acme.example/confirm?token=1' })
  return mail.compose(ctx, tx, { to: [{ address: 'ann@bücher.example', name: 'Ann' }], ...words })
})

// What a job does: one attempt. The error says whether and when another one makes sense.
try {
  const { state, recipients } = await mail.deliver(ctx, id)
  console.log(state, recipients.map(({ address }) => address).join(', '))
} catch (error) {
  if (!(error instanceof MailDeliveryError && error.retryable)) throw error
  console.log(`again in ${error.retryAfterMs} ms: ${error.fault}`)
}

const [file = ''] = await readdir(folder)
const content = await readFile(join(folder, file), 'utf8')
assert.match(content, /^DKIM-Signature: .*d=acme\.example/m)
assert.match(content, /Hello &lt;Ann&gt;/)
assert.equal((await mail.message(ctx, id)).state, 'sent')
await rm(folder, { recursive: true })
console.log('ok')
