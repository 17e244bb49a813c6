/* People who open the pages of the program in a browser. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { seedPerson } from '@stoa/identity/testing'
import type { Tenant } from '@stoa/kernel'
import { type Suite, testCtx } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'

/** A password that nobody uses. */
export const PASSWORD = 'a walk along the river'

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Somebody new, and the token of a link by which they set their password. */
export async function personWithLink({ program }: Pick<Suite<Stoa>, 'program'>, tenant: Tenant) {
  const { email, id } = await seedPerson(program.db, testCtx(), tenant)
  const token = randomBytes(32).toString('base64url')
  await program.db.admin((session) =>
    session.query(
      `insert into stoa.one_time_tokens (token_hash, purpose, person_id, expires_at, created_at)
       values ($1, 'reset', $2, now() + interval '1 hour', now())`,
      [createHash('sha256').update(token).digest(), id],
    ),
  )
  return { email, token }
}

/** The address of somebody new whose password is {@link PASSWORD}: they have set it by the page. */
export async function personWithPassword(suite: Pick<Suite<Stoa>, 'program'>, tenant: Tenant): Promise<string> {
  const { email, token } = await personWithLink(suite, tenant)
  const url = `${suite.program.url}/t/${tenant.slug}/reset`
  const page = await fetch(`${url}?token=${token}`)
  const cookie = page.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ')
  const [, tokenForm = ''] = /name="token_form" value="([^"]*)"/.exec(await page.text()) ?? []
  const body = new URLSearchParams({ token, token_form: tokenForm, password: PASSWORD })
  const answer = await fetch(url, { method: 'POST', body, headers: { cookie }, redirect: 'manual' })
  if (answer.status !== 303) throw new Error(`the password was not set: ${answer.status} ${await answer.text()}`)
  return email
}
