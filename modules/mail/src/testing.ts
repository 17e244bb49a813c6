/** Mail for other people's tests, sent through the public API. */
import type { NewMail } from './contract.ts'

/** Sends a request with the credentials of a tenant that has `jobs:write` and `mail:send`. */
export interface SeedCaller {
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }>
}

/**
 * Sends a message; to Ann unless `over` says otherwise.
 *
 * @returns the id of the task and the message
 * @throws Error with the problem when it is refused
 */
export async function seedMail(caller: SeedCaller, over: Partial<NewMail> = {}): Promise<string> {
  const input = { to: ['ann@example.org'], subject: 'Hello', text: 'Hello Ann', ...over }
  const { status, body } = await caller.post('/api/v1/tasks', { kind: 'mail.send', input })
  if (status !== 202) throw new Error(`no mail was sent (${status}): ${JSON.stringify(body)}`)
  return (body as { readonly id: string }).id
}
