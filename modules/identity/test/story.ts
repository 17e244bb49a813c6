/* What most stories begin with. */
import assert from 'node:assert/strict'
import type { Tenant } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import type { Browser, SeenPage } from './browser.ts'
import type { Suite } from './setup.ts'

/** A password that nobody uses. */
export const PASSWORD = 'a walk along the river'

let people = 0

/** An address that nobody has yet. */
export function newEmail(): string {
  people += 1
  return `ann${people}@example.org`
}

/** Lets anybody register with a tenant. */
async function openRegistration(suite: Suite, tenant: Tenant): Promise<void> {
  const { status } = await suite
    .as(tenant, 'identity:configure')
    .put('/api/v1/identity/sign-in-settings', { registration: 'open' })
  assert.equal(status, 200)
}

/** The link in a mail, as a path. */
export function linkIn({ text }: { readonly text: string }): string {
  const url = new URL(/https?:\/\/\S+/.exec(text)?.[0] ?? assert.fail(text))
  return url.pathname + url.search
}

/** Registers somebody, by the mail. They are signed in then. */
export async function register(
  suite: Suite,
  tenant: Tenant,
  browser: Browser,
  email: string = newEmail(),
  password: string = PASSWORD,
) {
  await openRegistration(suite, tenant)
  await browser.open(`/t/${tenant.slug}/register`)
  assert.equal((await browser.submit({ email })).status, 200)
  await browser.open(linkIn(await suite.mailTo(email)))
  const page = await browser.submit({ name: 'Ann', password })
  assert.match(page.path, /\/account/, page.text)
  return { email, password }
}

/** Comes back once as many statements wait for a lock. */
export async function waitForLocks({ db }: Suite, count: number): Promise<void> {
  const waits = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  await eventually(async () => (await db.admin((session) => session.query(waits))).length === count)
}

/** Whoever is signed in, at the API: by their newest session that counts everywhere. */
export async function atApi(suite: Suite, tenant: Tenant, personId: string) {
  const rows = await suite.db.admin((session) =>
    session.query<{ id: string }>(
      'select id from stoa.sessions where person_id = $1 and bound_tenant_id is null order by created_at desc limit 1',
      [personId],
    ),
  )
  return suite.asPerson(tenant, personId, rows[0]?.id)
}

/** Signs in by the page; gives what is shown then. */
export async function signIn(
  browser: Browser,
  tenant: Tenant,
  email: string,
  password: string = PASSWORD,
  query = '',
): Promise<SeenPage> {
  await browser.open(`/t/${tenant.slug}/sign-in${query}`)
  return await browser.submit({ email, password })
}
